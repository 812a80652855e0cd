"""A bot and a chat."""

import secrets
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Bot:
    """A bot with its webhook. ``webhook_url`` is "" where there is none; times are Unix seconds."""

    id: int
    token: str
    username: str
    name: str
    next_update_id: int
    webhook_url: str = ""
    secret_token: str = ""
    allowed_updates: list[str] = field(default_factory=list)
    max_connections: int = 40
    last_error_date: int = 0
    last_error_message: str = ""
    commands: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    menu_buttons: dict[str, dict[str, Any]] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """What the store keeps besides the update counter, which has a column of its own."""
        data = asdict(self)
        del data["next_update_id"]
        return data

    def as_user(self) -> dict[str, Any]:
        """The bot as the sender of a message."""
        return {"id": self.id, "is_bot": True, "first_name": self.name, "username": self.username}


@dataclass(slots=True)
class Chat:
    """A chat as one bot knows it. ``info`` is Telegram's Chat object."""

    id: int
    info: dict[str, Any]
    blocked: bool
    next_message_id: int

    @property
    def is_private(self) -> bool:
        """Whether this is one person's chat with the bot."""
        return bool(self.info.get("type") == "private")


def new_bot(bot_id: int, token: str, username: str, name: str) -> Bot:
    """A fresh bot; its updates start at a random number, so nobody relies on them starting at 1."""
    return Bot(bot_id, token, username, name, next_update_id=100_000_000 + secrets.randbelow(800_000_000))
