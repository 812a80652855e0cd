"""A subject's conversations as the transcripts have them: what a rebuild is made from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from manyclaw.memory.model import Subject, Turn, clean
from manyclaw.sessions import Said, conversations_of, read_all
from manyclaw.tenancy import TenantScope

_HEADER = re.compile(r"\[[^,\]]{1,60}, (?P<name>[^\]]{0,80})\][^\n]{0,60}\n")
"""The line that stands before an end user's text in the prompt: date and sender, perhaps an attachment."""


def chat_of(whose: Subject) -> str:
    """The id of the subject's chat."""
    return whose[1:]


def turns_of(scope: TenantScope, whose: Subject) -> Iterator[Turn]:
    """The subject's turns that are in transcripts, conversation by conversation, oldest first."""
    for conversation in conversations_of(scope, chat_of(whose)):
        turn: list[Said] = []
        for message in read_all(scope, conversation):
            if turn and message.turn != turn[0].turn:
                yield _turn(conversation, turn)
                turn = []
            turn.append(message)
        if turn:
            yield _turn(conversation, turn)


def _turn(conversation: str, messages: list[Said]) -> Turn:
    text = _text(messages[0].content)
    header = _HEADER.match(text)
    return Turn(
        id=messages[0].turn,
        conversation=conversation,
        at=messages[0].at,
        speaker=header["name"] if header else "someone",
        said=clean(text[header.end() :] if header else text),
        answered=clean(_text(messages[-1].content)) if messages[-1].role == "assistant" else "",
    )


def _text(content: list[dict[str, Any]]) -> str:
    return "\n".join(block["text"] for block in content if block.get("type") == "text")
