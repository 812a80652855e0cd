"""The commands' texts, files and printing."""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from typer.main import get_command

from cli.arguments import confirm, read_file, read_secret
from cli.config import template
from cli.context import Session, print_facts, print_table
from cli.docs import PATH, commands, page
from cli.main import app
from manyclaw.errors import BadInput
from manyclaw.tenancy import Overlay, parse_overlay


def test_the_page_about_the_command_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == page(), "run `python -m cli.docs`"


@pytest.mark.parametrize(("name", "command"), list(commands(get_command(app))))
def test_every_command_has_one_line_and_an_example(name: str, command: object) -> None:
    text = str(getattr(command, "help", ""))
    assert "\n\n" in text, name
    assert f"manyclaw {name}" in text.split("\n\n")[1]


def test_the_template_of_an_overlay_names_every_key_and_sets_none() -> None:
    assert parse_overlay(template()) == Overlay()
    lines = [line.removeprefix("# ") for line in template().splitlines()]
    assert all(any(line.startswith(f"{name}:") for line in lines) for name in Overlay.model_fields)


def test_the_template_is_valid_when_its_defaults_are_set() -> None:
    keys = tuple(f"# {name}:" for name in Overlay.model_fields)
    text = "\n".join(line.removeprefix("# ") for line in template().splitlines() if line.startswith(keys))
    assert parse_overlay(text) == Overlay()


def test_json_keeps_money_exact(capsys: pytest.CaptureFixture[str]) -> None:
    Session("local", json=True, debug=False).show({"usd": Decimal("0.00000010"), "day": date(2026, 11, 1)}, print)
    assert json.loads(capsys.readouterr().out) == {"usd": "0.00000010", "day": "2026-11-01"}


def test_facts_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([("status", "active"), ("bot", None), ("name", "")])
    assert capsys.readouterr().out == "status  active\n"


def test_a_tables_cells_are_texts_and_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "n"), [("[bold]x[/bold]", 1_234)], empty="none")
    out = capsys.readouterr().out
    assert "[bold]x[/bold]" in out
    assert "1,234" in out


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [], empty="There are none.")
    assert capsys.readouterr().out == "There are none.\n"


def test_a_secret_from_standard_input_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("the-token\nmore\n"))
    assert read_secret("-", "Bot token") == "the-token"
    assert read_secret(" given ", "Bot token") == "given"


@pytest.mark.parametrize("given", ["", "-"])
def test_no_secret_at_all_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(BadInput, match="none was given"):
        read_secret(given, "Bot token")


def test_nobody_to_ask_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(BadInput) as caught:
        confirm("Delete?")
    assert "--yes" in caught.value.hint


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        read_file(str(path))
