# Everything works on a machine with python3, pip and make; the first run sets up the rest by itself.
.DEFAULT_GOAL := help
PY := .venv/bin/python
SAM := SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam

.PHONY: help setup dev up down demo test lint types unit integration claims bench bench-memory build validate fmt pins clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Find or install Python 3.13 and uv, and make the environments (only what changed)
	@python3 local/bootstrap.py

dev: setup ## Run the whole stack here, in the foreground, on port MANYCLAW_PORT (8787)
	@exec $(PY) -m local.dev

up: setup ## Run the stack in the background; returns when it is ready
	@$(PY) -m local.dev --detach

down: setup ## Stop the stack that `make up` or `make dev` started
	@$(PY) -m local.dev --down

demo: setup ## Send real updates to both sample tenants and prove that each knew only its own words
	@$(PY) -m local.demo

test: setup ## All checks: format, lint, types, imports, known vulnerabilities, template, unit, integration, browser
	@$(PY) -m local.check

lint: setup ## Format check, lint and the rules of which package may import which
	@$(PY) -m local.check format lint imports

types: setup ## mypy, strict
	@$(PY) -m local.check types

unit: setup ## Unit tests
	@$(PY) -m local.check unit

integration: setup ## Tests against a freshly started stack, and in Chromium
	@$(PY) -m local.check integration

claims: setup ## Run the tests that hold the claims of docs/security.md
	@$(PY) -m local.claims

bench: setup ## Measure the stack from outside
	@$(PY) -m bench

bench-memory: setup ## Measure memory; LOCOMO="FILE ..." adds recall on files of LoCoMo's format, WRITES=500 is quicker
	@$(PY) -m bench.memory $(if $(LOCOMO),--locomo $(LOCOMO)) $(if $(WRITES),--writes $(WRITES))

build: setup ## sam build
	@$(PY) -m local.check build

validate: setup ## sam validate --lint
	@$(PY) -m local.check template

fmt: setup ## Format the code and mend what ruff can mend
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .

pins: setup ## Write the layers' pins anew from uv.lock, and the tools' from local/requirements/*.in
	@$(PY) -m local.pins

clean: ## Delete environments, builds and caches; asks before it deletes the stack's state
	@rm -rf .venv .tools .aws-sam .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@if [ -d .manyclaw ]; then printf "Delete the local stack's state in .manyclaw too? [y/N] "; read -r answer; \
		case "$$answer" in [yY]*) rm -rf .manyclaw; echo deleted;; *) echo kept;; esac; fi
