"""The shipped examples, called as the bot calls them."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from manyclaw.skills import read_folder
from manyclaw_sandbox import Call, Ended, run_call
from tests.skills import EXAMPLES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


class Skill:
    """An example with its scratch folder."""

    def __init__(self, name: str) -> None:
        self._bundle = read_folder(EXAMPLES / name)
        self._scratch: bytes | None = None

    def __call__(self, tool: str, **arguments: Any) -> Ended:
        given = self._bundle.tool(tool).check(arguments)
        ended = run_call(Call(tool, given, self._bundle.archive, scratch=self._scratch, network=False))
        self._scratch = ended.scratch or self._scratch
        return ended


def test_a_table_is_found_booked_and_no_longer_free() -> None:
    skill = Skill("restaurant-bookings")
    evening = {"venue": "Acme Grill", "day": "2026-11-24", "time": "19:30", "name": "Dana"}
    # Given a wish
    assert skill("search_venues", wish="steak").text.startswith("Acme Grill")
    assert "19:30 (24)" in skill("check_calendar", venue="grill", day="2026-11-24").text
    # When two tables are booked
    assert "number 101" in skill("book_table", guests=12, **evening).text
    assert "number 102" in skill("book_table", guests=10, **evening).text
    # Then two seats are left, for two hours before and after
    assert "19:30 (2)" in skill("check_calendar", venue="grill", day="2026-11-24").text
    assert skill("book_table", guests=3, **evening).error == (
        "Acme Grill has 2 free seats on 2026-11-24 at 19:30, not 3."
    )
    assert "number 103" in skill("book_table", **{**evening, "time": "21:30", "guests": 12}).text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"venue": "Nowhere"}, "no restaurant 'Nowhere'"),
        ({"day": "tomorrow"}, "no date like"),
        ({"time": "19:45"}, "on the half hour"),
        ({"guests": 13}, "by telephone"),
    ],
)
def test_a_booking_that_cannot_be_is_refused_in_words(change: dict[str, Any], said: str) -> None:
    wish = {"venue": "Harbour", "day": "2026-11-24", "time": "19:30", "guests": 2, "name": "Dana", **change}
    assert said in Skill("restaurant-bookings")("book_table", **wish).error


def test_the_glossary_is_looked_up_and_added_to() -> None:
    skill = Skill("translate")
    assert skill("look_up_terms", terms=["Invoice", "widget"], language="de").text == (
        "Invoice = Rechnung\nnot in the glossary: widget"
    )
    skill("keep_term", term="Widget", language="de", translation="Dingsbums")
    assert skill("look_up_terms", terms=["widget"], language="de").text == "widget = Dingsbums"
