"""Conversations: what was said, in order, per tenant, chat and topic."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.sessions.reading import Said as Said
    from manyclaw.sessions.reading import conversations_of as conversations_of
    from manyclaw.sessions.reading import list_conversations as list_conversations
    from manyclaw.sessions.reading import read_all as read_all
    from manyclaw.sessions.transcript import Message as Message
    from manyclaw.sessions.transcript import Transcript as Transcript
    from manyclaw.sessions.transcript import append as append
    from manyclaw.sessions.transcript import index_row as index_row
    from manyclaw.sessions.transcript import load_transcript as load_transcript
else:
    __getattr__ = lazy(
        __name__,
        {
            "Message": "transcript",
            "Said": "reading",
            "Transcript": "transcript",
            "append": "transcript",
            "conversations_of": "reading",
            "index_row": "transcript",
            "list_conversations": "reading",
            "load_transcript": "transcript",
            "read_all": "reading",
        },
    )
