"""The tree keeps its own rules: fronts, one reader of the environment, heavy libraries where they are used."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "shared" / "manyclaw"
FEATURES = sorted(folder.name for folder in PRODUCT.iterdir() if (folder / "__init__.py").exists())
HEAVY = {"anthropic", "boto3", "botocore", "fastapi", "httpx2", "lancedb", "mangum", "pandas", "pyarrow"}
SOURCES = sorted(PRODUCT.rglob("*.py"))


def _imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node


def _at_import_time(tree: ast.Module) -> Iterator[str]:
    """Modules that importing this one imports: neither inside a function nor only for the type checker."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        pending.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PRODUCT)))
def test_a_feature_uses_another_only_through_its_front(path: Path) -> None:
    here = path.relative_to(PRODUCT).parts[0]
    allowed = {"manyclaw.tenancy.ids"}  # the webhook's own: a name and a pattern, too light for a front
    for module, node in _imports(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[0] == "manyclaw" and len(parts) > 2 and parts[1] in FEATURES and parts[1] != here:
            assert module in allowed, f"{path.name}:{node.lineno} imports {module}; take it from manyclaw.{parts[1]}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PRODUCT)))
def test_only_settings_reads_the_environment(path: Path) -> None:
    if path == PRODUCT / "settings.py":
        return
    assert "os" not in {module for module, _ in _imports(ast.parse(path.read_text()))}, path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PRODUCT)))
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    if path == PRODUCT / "aws_json.py":  # the webhook's signer, chosen for its weight
        return
    heavy = {module.split(".")[0] for module in _at_import_time(ast.parse(path.read_text()))} & HEAVY
    assert not heavy, f"{path} imports {heavy} when it is imported"


def test_the_webhook_loads_nothing_heavy() -> None:
    code = "import json, sys, functions.webhook.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"anthropic", "boto3", "botocore.session", "fastapi", "httpx2", "lancedb", "pandas", "pydantic"}
    assert not loaded & {"yaml", "pyarrow", "numpy", "manyclaw.agent", "manyclaw.aws"}


def test_no_source_file_has_grown_past_its_purpose() -> None:
    folders = ("shared", "functions", "cli", "local", "bench")
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 330
    }
    assert not long


def test_what_measures_can_be_imported() -> None:
    """No other test runs the benches, so a helper that moves would break them unseen."""
    modules = "bench.__main__, bench.memory.__main__, bench.schedules, bench.usage"
    subprocess.run([sys.executable, "-c", f"import {modules}"], cwd=ROOT, check=True, timeout=60)
