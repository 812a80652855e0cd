"""What gets into an entry, and what never does."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from manyclaw.audit import ACTIONS, ACTORS, OUTCOMES, SYSTEM, Actor, acting, current_actor, entry, intent, tool_call
from manyclaw.audit.entries import canonical, entry_values, name_of
from tests.unit.audit.fakes import Log

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "audit.md").read_text()


@pytest.mark.parametrize(
    "name",
    ["", "token:3f9a1c20b7de", "telegram:-100123:7", "arn:aws:sts::123456789012:assumed-role/Admin/ann@acme.example",
     '"0a1b"', "cost_per_day_usd=25.5", "job-daily-2026-11-22T08:00:00Z@4711", "::1", "a" * 256],
)  # fmt: skip
def test_names_are_kept(name: str) -> None:
    assert name_of(name) == name


@pytest.mark.parametrize(
    "text",
    ["hello there", "привет", "two\nlines", "a" * 257, "tk_acme_" + "0" * 32, "op_" + "f" * 32,
     "token:tk_acme_" + "0" * 32, "123456789:AAGf-x_abcdefghijklmnopqrstuvwxyz012", "sk-ant-api03-x", "\ud800"],
)  # fmt: skip
def test_texts_and_secrets_become_a_hash(text: str) -> None:
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", name_of(text))


def test_texts_in_details_become_hashes_too() -> None:
    details: dict[str, Any] = {"tools": ["book_table", "please book me"], "version": "it is me"}
    values = entry_values(SYSTEM, "skill.install", "skill:x", "ok", details)
    assert values["details"]["tools"][0] == "book_table"
    assert "please" not in canonical(values)
    assert "it is me" not in canonical(values)


@pytest.mark.parametrize(
    ("action", "outcome", "actor", "details"),
    [
        ("tenant.explode", "ok", SYSTEM, {}),
        ("sign_in", "maybe", SYSTEM, {}),
        ("sign_in", "ok", Actor("somebody"), {}),
        ("sign_in", "ok", SYSTEM, {"message": "x"}),
    ],
)
def test_what_is_not_known_is_a_mistake_in_the_source(
    action: str, outcome: str, actor: Actor, details: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"no such entry|has no details"):
        entry_values(actor, action, "", outcome, dict(details))


def test_who_acts_is_said_once_and_for_what_is_inside() -> None:
    assert current_actor() == SYSTEM
    with acting(Actor("operator", "arn", "cli")):
        assert current_actor().kind == "operator"
        put = entry(Log().inbox, "sign_in")["Put"]["Item"]["entry"]["S"]
    assert json.loads(put)["actor"] == "operator"
    assert current_actor() == SYSTEM


def test_an_intent_is_told_before_and_after_also_when_it_fails() -> None:
    log = Log()
    with intent(log.inbox, "memory.forget", on="subject:1") as told:
        assert [_of(row)["outcome"] for row in log.rows.values()] == ["begun"]
        told["messages"] = 3
    with pytest.raises(RuntimeError), intent(log.inbox, "memory.forget", on="subject:2"):
        raise RuntimeError("with a text that nobody should read")
    first, done, second, failed = (_of(row) for _, row in sorted(log.rows.items()))
    assert (done["outcome"], done["of"], done["details"]) == ("ok", first["id"], {"messages": 3})
    assert (failed["outcome"], failed["of"], failed["details"]) == ("failed", second["id"], {"error": "RuntimeError"})


def test_a_tool_call_is_named_by_turn_and_call() -> None:
    values = json.loads(
        tool_call(Log().inbox, "7-1", "toolu_1", "search", "ok", server="crm")["Put"]["Item"]["entry"]["S"]
    )
    assert (values["id"], values["on"], values["details"]["server"]) == ("7-1/toolu_1", "tool:search", "crm")


def test_every_action_is_told_somewhere_and_every_one_that_is_told_is_known() -> None:
    told = set()
    for folder in ("shared/manyclaw", "functions", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name != "actions.py":
                told |= {
                    node.value
                    for node in ast.walk(ast.parse(path.read_text()))
                    if isinstance(node, ast.Constant) and node.value in ACTIONS
                }
    assert told == set(ACTIONS)


@pytest.mark.parametrize("names", [ACTIONS, ACTORS, OUTCOMES])
def test_the_page_names_all_of_them(names: dict[str, object]) -> None:
    assert not {name for name in names if f"| `{name}` |" not in PAGE}


def test_the_page_names_the_details_and_nothing_that_is_not_there() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+(?:\.[a-z_]+)?)` \|(.*)$", PAGE, re.MULTILINE))
    for name, action in ACTIONS.items():
        assert not {detail for detail in action.details if f"`{detail}`" not in rows[name]}, name
    groups = {name.partition(".")[0] for name in ACTIONS}
    assert not {name for name in rows if name.partition(".")[0] in groups and "." in name} - set(ACTIONS)


def _of(row: dict[str, dict[str, str]]) -> dict[str, object]:
    values: dict[str, object] = json.loads(row["entry"]["S"])
    return values
