"""Files that people write are refused with the line, and whatever they hold nothing else can happen."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manyclaw.skills import read_folder
from manyclaw.tenancy import InvalidDocument, Overlay, check_overlay, parse_overlay
from manyclaw.tenancy.gateway import parse_gateway_config
from manyclaw.tenancy.overlay_store import _usable
from tests.skills import EXAMPLES

SEED = Path(__file__).resolve().parents[3] / "local" / "seed"
GATEWAY = parse_gateway_config((SEED / "config.yaml").read_text())
TOOLS = frozenset({"current_time", "reminder_set", "reminder_list", "reminder_cancel"})


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        ("model: claude-haiku-4-5\nmodle: x\n", 2, "modle"),
        ("\n\nmax_tokens: many\n", 3, "max_tokens"),
        ("greeting: a\n\ngreeting: b\n", 3, "greeting"),
        ("language: Deutsch\n", 1, "language"),
        ("owners:\n  - 1\n  - me\n", 3, "owners.1"),
        ("time_zone: Mars/Olympus\n", 1, "time_zone"),
        ("- a\n- b\n", 1, ""),
        ("model: [\n", 2, ""),
        ("a: 1\nsystem_prompt: |\n  x\n y\n", 4, ""),
        ("# a model\nmodel: claude-9\n", 2, "model"),
        ("allowed_tools:\n  - current_time\n  - shell\n", 3, "allowed_tools"),
    ],
)
def test_a_problem_is_told_with_its_line(text: str, line: int, path: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        check_overlay(text, GATEWAY, TOOLS)
    assert (caught.value.problems[0].line, caught.value.problems[0].path) == (line, path)


def test_all_problems_are_told_at_once_in_the_order_of_the_lines() -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_overlay("max_tokens: 1\nx: 1\nlanguage: 5\n")
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}"])
def test_an_empty_file_is_an_overlay(text: str) -> None:
    assert parse_overlay(text) == Overlay()


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_any_bytes_are_an_overlay_or_an_invalid_document(text: str | bytes) -> None:
    try:
        assert isinstance(check_overlay(text, GATEWAY, TOOLS), Overlay)
    except InvalidDocument as error:
        assert all(problem.line >= 1 for problem in error.problems)  # noqa: PT017


@pytest.mark.parametrize(
    "text",
    [
        "owners: &a [*a]\n",
        "x: &a {y: *a}\n",
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
        "owners: " + "[" * 125_000 + "]" * 125_000,
        "owners: " + "{a: " * 40_000 + "}" * 40_000,
        "".join(f"{' ' * n}a:\n" for n in range(500)),
    ],
    ids=["recursive list", "recursive mapping", "billion laughs", "brackets", "braces", "indents"],
)
def test_what_would_blow_up_is_refused_at_once(text: str) -> None:
    with pytest.raises(InvalidDocument, match=r"aliases|nests deeper"):
        parse_overlay(text)


def test_what_the_gateway_has_withdrawn_is_left_out_of_the_last_good_version() -> None:
    text = "system_prompt: Be kind.\nmodel: claude-2\nallowed_tools: [current_time, shell]\n"
    usable = _usable(text, GATEWAY, TOOLS)
    assert (usable.model, usable.allowed_tools, usable.system_prompt) == (None, ("current_time",), "Be kind.")


@pytest.mark.parametrize("path", sorted(SEED.glob("customer-*.yaml")), ids=lambda path: path.stem)
def test_the_seeds_overlays_are_valid(path: Path) -> None:
    folders = sorted(EXAMPLES.iterdir())
    assert check_overlay(
        path.read_text(), GATEWAY, TOOLS.union(*({tool.name for tool in read_folder(each).tools} for each in folders))
    ).system_prompt


def test_the_seeds_prices_are_anthropics() -> None:
    known = {
        "claude-opus-4-6": "5 25 6.25 10 0.50",
        "claude-opus-4-7": "5 25 6.25 10 0.50",
        "claude-sonnet-4-6": "3 15 3.75 6 0.30",
        "claude-haiku-4-5": "1 5 1.25 2 0.10",
        "claude-opus-5-5": "4 20 5 8 0.20",
        "claude-sonnet-5-5": "2 10 2.50 4 0.10",
        "claude-haiku-5-5": "0.10 0.50 0.125 0.20 0.01",
    }
    assert known.keys() == GATEWAY.models.keys()
    for model, prices in known.items():
        rates = GATEWAY.rates(model, date(2026, 11, 22))
        found = (rates.input, rates.output, rates.cache_write_5m, rates.cache_write_1h, rates.cache_read)
        assert found == tuple(map(Decimal, prices.split())), model
