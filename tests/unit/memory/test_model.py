from __future__ import annotations

from datetime import UTC, datetime

import pytest

from manyclaw.errors import BadInput
from manyclaw.memory import MemoryRow, Passage, Turn, subject, subject_of
from manyclaw.memory.jobs import Job, read_job
from manyclaw.tenancy import tenant_id

TURN = Turn("1-2", "7:3", datetime(2026, 11, 22, 9, 0, tzinfo=UTC), "Ann", "hello", "hi")


@pytest.mark.parametrize("value", ["u7", "g-1001234567890", "g5"])
def test_subjects(value: str) -> None:
    assert subject(value) == value


@pytest.mark.parametrize(
    "value", ["", "u", "u0", "u-7", "7", "u7/../u8", "u7/", "U7", "u7\n", "g--1", None, 7, "u" + "9" * 20]
)
def test_nothing_else_is_a_subject(value: object) -> None:
    with pytest.raises(BadInput):
        subject(value)


def test_a_private_chat_and_a_group_of_the_same_number_are_two_subjects() -> None:
    assert subject_of(7, private=True) != subject_of(7, private=False)


def test_a_turn_survives_the_queue() -> None:
    job = Job("turn", tenant_id("acme"), subject("u7"), TURN)
    assert read_job(job.to_body()) == job


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '{"kind": "drop"}', '{"kind": "turn", "tenant": "acme", "subject": "u7"}']
)
def test_what_is_no_job_is_refused(body: str) -> None:
    with pytest.raises(BadInput):
        read_job(body)


def test_a_passage_survives_the_invocation() -> None:
    passage = Passage(TURN, 1.25, before=TURN)
    assert Passage.from_wire(passage.to_wire()) == passage


def test_control_characters_and_lone_surrogates_do_not_get_in() -> None:
    wire = {**TURN.to_wire(), "said": "a\x00b\ud800c\n"}
    assert Turn.from_wire(wire).said == "abc\n"


def test_turns_up_to_the_forgetting_are_forgotten() -> None:
    row = MemoryRow(subject("u7"), forgotten_at=TURN.at)
    assert row.forgot(TURN)
    assert not MemoryRow(subject("u7")).forgot(TURN)
