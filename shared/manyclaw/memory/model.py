"""What is remembered, and of whom."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NewType

from manyclaw.errors import BadInput

Subject = NewType("Subject", str)
"""Whose memory it is: ``u{user id}`` for a private chat, ``g{chat id}`` for a group (``g-100…``). One table each."""

MAX_TEXT_CHARACTERS = 8_000
"""How much of a message, and of its answer, is kept; more never fits one Telegram message anyway."""

_SUBJECT = re.compile(r"u[1-9][0-9]{0,18}|g-?[1-9][0-9]{0,18}")
_NO_TEXT = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000)])


def subject_of(chat_id: int, *, private: bool) -> Subject:
    """The subject of a chat. A private chat's id is its user's id.

    Only a whole number can come in, so no user can choose a name that leads out of the tenant's prefix.
    """
    return subject(f"{'u' if private else 'g'}{int(chat_id)}")


def subject(value: object) -> Subject:
    """``value`` as a subject.

    Raises
    ------
    BadInput
        It is none, such as a path.
    """
    if not isinstance(value, str) or not _SUBJECT.fullmatch(value):
        raise BadInput(
            f"{str(value)[:40]!r} is nobody's memory.", hint="It is u and a user's id, or g and a group's chat id."
        )
    return Subject(value)


def clean(text: object, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """``text`` without control characters (NUL) and lone surrogates, cut to ``limit`` characters."""
    return str(text).translate(_NO_TEXT)[:limit]


@dataclass(frozen=True)
class Turn:
    """A finished turn: what an end user said and what the bot answered.

    ``id`` is unique in the tenant; ``at`` (UTC) is when the user's message was sent.
    """

    id: str
    conversation: str
    at: datetime
    speaker: str
    said: str
    answered: str = ""

    def to_wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "conversation": self.conversation,
            "at": self.at.isoformat(),
            "speaker": self.speaker,
            "said": self.said,
            "answered": self.answered,
        }

    @classmethod
    def from_wire(cls, values: dict[str, Any]) -> Turn:
        """Raises ``BadInput`` for what :meth:`to_wire` cannot have written."""
        try:
            return cls(
                id=clean(values["id"], 80),
                conversation=clean(values["conversation"], 80),
                at=datetime.fromisoformat(values["at"]).astimezone(UTC),
                speaker=clean(values["speaker"], 64),
                said=clean(values["said"]),
                answered=clean(values.get("answered", "")),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise BadInput(f"That is no turn ({type(error).__name__}).") from None


@dataclass(frozen=True)
class Passage:
    """A remembered turn that answers to a query, with the turns said just before and after it.

    ``score`` orders the passages of one search and means nothing beyond it.
    """

    turn: Turn
    score: float
    before: Turn | None = None
    after: Turn | None = None

    def to_wire(self) -> dict[str, Any]:
        near = {"before": self.before, "after": self.after}
        return {
            "turn": self.turn.to_wire(),
            "score": round(self.score, 4),
            **{name: turn.to_wire() for name, turn in near.items() if turn},
        }

    @classmethod
    def from_wire(cls, values: dict[str, Any]) -> Passage:
        near = {name: Turn.from_wire(values[name]) for name in ("before", "after") if name in values}
        return cls(Turn.from_wire(values["turn"]), float(values["score"]), **near)


@dataclass(frozen=True)
class Fact:
    """A pinned fact, and the day (UTC, ISO) on which it was saved."""

    text: str
    day: str


@dataclass(frozen=True)
class MemoryRow:
    """What the table knows of a subject without opening its memory.

    Attributes
    ----------
    facts
        Shown to the model in every turn.
    turns
        How many were indexed since the memory was made, about.
    unoptimized
        Writes since the last optimization.
    generation
        Names the folder of the tables in force: a rebuild makes the next one, and so does forgetting.
    forgotten_at
        Turns up to this time must not be indexed any more; None if nothing was ever forgotten.
    """

    subject: Subject
    facts: tuple[Fact, ...] = field(default=())
    turns: int = 0
    unoptimized: int = 0
    generation: int = 0
    forgotten_at: datetime | None = None

    def forgot(self, turn: Turn) -> bool:
        """Whether ``turn`` lies before what was forgotten, and so must never be indexed again."""
        return self.forgotten_at is not None and turn.at <= self.forgotten_at


def memory_path(subject: Subject, generation: int | None = None) -> str:
    """Where a subject's tables lie under the tenant's prefix; without ``generation`` those of all of them."""
    return f"memory/{subject}/" + (f"{generation}" if generation is not None else "")
