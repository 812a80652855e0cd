"""What must survive a SIGKILL: bots, chats, messages and undelivered updates, in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bots (id INTEGER PRIMARY KEY, next_update_id INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS chats (
  bot_id INTEGER, chat_id INTEGER, info TEXT NOT NULL, blocked INTEGER NOT NULL, PRIMARY KEY (bot_id, chat_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
  bot_id INTEGER, chat_id INTEGER, message_id INTEGER, from_bot INTEGER NOT NULL, date REAL NOT NULL,
  body TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (bot_id, chat_id, message_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS updates (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, bot_id INTEGER NOT NULL, update_id INTEGER NOT NULL,
  lane TEXT NOT NULL, body TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS updates_pending ON updates (bot_id, seq) WHERE delivered = 0;
CREATE INDEX IF NOT EXISTS updates_by_id ON updates (bot_id, update_id);
CREATE TABLE IF NOT EXISTS files (
  file_id TEXT PRIMARY KEY, bot_id INTEGER NOT NULL, path TEXT NOT NULL, content BLOB NOT NULL
);
"""
_KEPT_UPDATES = 20_000


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """An update as it waits. ``lane`` is the chat whose order it keeps; ``seq`` is the order of arrival."""

    seq: int
    bot_id: int
    update_id: int
    lane: str
    body: str


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the chat shows it; ``date`` is Unix time in seconds, with its fraction."""

    message_id: int
    from_bot: bool
    date: float
    body: dict[str, Any]


class Store:
    """SQLite in WAL mode, used from one thread.

    ``synchronous=NORMAL`` loses nothing when the process dies (only when the machine does) and spares the hot path
    an fsync a message.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "telegram.sqlite3", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._added = 0

    def close(self) -> None:
        """Fold the log into the file and let go of it."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is kept, or none of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def save_bot(self, bot_id: int, next_update_id: int, data: dict[str, Any]) -> None:
        """Write the bot whole."""
        self._db.execute("INSERT OR REPLACE INTO bots VALUES (?, ?, ?)", (bot_id, next_update_id, json.dumps(data)))

    def bots(self) -> list[tuple[int, dict[str, Any]]]:
        """(next update id, data) of every bot, oldest first."""
        rows = self._db.execute("SELECT next_update_id, data FROM bots ORDER BY rowid")
        return [(next_id, json.loads(data)) for next_id, data in rows]

    def add_person(self, person_id: int, first_name: str) -> None:
        """Remember a made-up person of the chat page."""
        self._db.execute("INSERT OR IGNORE INTO people VALUES (?, ?)", (person_id, first_name))

    def people(self) -> list[tuple[int, str]]:
        """Everyone that the chat page offers."""
        return self._db.execute("SELECT id, first_name FROM people ORDER BY id").fetchall()

    def save_chat(self, bot_id: int, chat_id: int, info: dict[str, Any], blocked: bool) -> None:
        """Write a bot's chat."""
        row = (bot_id, chat_id, json.dumps(info), int(blocked))
        self._db.execute("INSERT OR REPLACE INTO chats VALUES (?, ?, ?, ?)", row)

    def chats(self) -> list[tuple[int, int, dict[str, Any], bool, int]]:
        """(bot, chat, info, blocked, last message id) of every chat."""
        rows = self._db.execute(
            "SELECT bot_id, chat_id, info, blocked, (SELECT coalesce(max(message_id), 0) FROM messages m"
            " WHERE m.bot_id = c.bot_id AND m.chat_id = c.chat_id) FROM chats c"
        )
        return [(bot, chat, json.loads(info), bool(blocked), last) for bot, chat, info, blocked, last in rows]

    def save_message(self, bot_id: int, chat_id: int, message: StoredMessage) -> None:
        """Write a message, or its edited form."""
        body = json.dumps(message.body)
        row = (bot_id, chat_id, message.message_id, int(message.from_bot), message.date, body)
        self._db.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, 0)", row)

    def delete_message(self, bot_id: int, chat_id: int, message_id: int) -> None:
        """Hide a message; its number stays taken, as in Telegram."""
        key = (bot_id, chat_id, message_id)
        self._db.execute("UPDATE messages SET deleted = 1 WHERE bot_id = ? AND chat_id = ? AND message_id = ?", key)

    def message(self, bot_id: int, chat_id: int, message_id: int) -> StoredMessage | None:
        """One message, or None."""
        found = self._messages("AND message_id = ?", (bot_id, chat_id, message_id))
        return found[0] if found else None

    def messages(self, bot_id: int, chat_id: int, limit: int = 10_000) -> list[StoredMessage]:
        """The chat's newest ``limit`` messages, oldest first."""
        return self._messages("ORDER BY message_id DESC LIMIT ?", (bot_id, chat_id, limit))[::-1]

    def _messages(self, rest: str, values: tuple[int, ...]) -> list[StoredMessage]:
        query = "SELECT message_id, from_bot, date, body FROM messages WHERE bot_id = ? AND chat_id = ? AND deleted = 0"
        rows = self._db.execute(f"{query} {rest}", values)
        return [StoredMessage(number, bool(own), date, json.loads(body)) for number, own, date, body in rows]

    def add_update(self, bot_id: int, update_id: int, next_update_id: int, lane: str, body: str) -> PendingUpdate:
        """Take an update in, undelivered, and move the bot's counter on."""
        cursor = self._db.execute(
            "INSERT INTO updates (bot_id, update_id, lane, body) VALUES (?, ?, ?, ?)", (bot_id, update_id, lane, body)
        )
        self._db.execute("UPDATE bots SET next_update_id = ? WHERE id = ?", (next_update_id, bot_id))
        seq = int(cursor.lastrowid or 0)
        self._added += 1
        if self._added % 5_000 == 0:
            self._db.execute("DELETE FROM updates WHERE delivered = 1 AND seq < ?", (seq - _KEPT_UPDATES,))
        return PendingUpdate(seq, bot_id, update_id, lane, body)

    def pending(self, bot_id: int, limit: int = -1) -> list[PendingUpdate]:
        """What is not delivered yet, in order of arrival."""
        rows = self._db.execute(
            "SELECT seq, bot_id, update_id, lane, body FROM updates WHERE bot_id = ? AND delivered = 0"
            " ORDER BY seq LIMIT ?",
            (bot_id, limit),
        )
        return [PendingUpdate(*row) for row in rows]

    def pending_count(self, bot_id: int) -> int:
        """How many updates wait."""
        query = "SELECT count(*) FROM updates WHERE bot_id = ? AND delivered = 0"
        return int(self._db.execute(query, (bot_id,)).fetchone()[0])

    def delivered(self, seq: int) -> None:
        """The webhook took it."""
        self._db.execute("UPDATE updates SET delivered = 1 WHERE seq = ?", (seq,))

    def confirm(self, bot_id: int, before: int | None = None) -> None:
        """Forget what waits: all of it, or what has an update id under ``before`` (getUpdates' offset)."""
        query = "UPDATE updates SET delivered = 1 WHERE bot_id = ? AND delivered = 0"
        if before is None:
            self._db.execute(query, (bot_id,))
        else:
            self._db.execute(query + " AND update_id < ?", (bot_id, before))

    def update(self, bot_id: int, update_id: int) -> PendingUpdate | None:
        """An update of the past or the queue, or None."""
        row = self._db.execute(
            "SELECT seq, bot_id, update_id, lane, body FROM updates WHERE bot_id = ? AND update_id = ?",
            (bot_id, update_id),
        ).fetchone()
        return PendingUpdate(*row) if row else None

    def has_update_with(self, bot_id: int, text: str) -> bool:
        """Whether an update of the bot holds this piece of JSON."""
        query = "SELECT 1 FROM updates WHERE bot_id = ? AND instr(body, ?) LIMIT 1"
        return self._db.execute(query, (bot_id, text)).fetchone() is not None

    def add_file(self, file_id: str, bot_id: int, path: str, content: bytes) -> None:
        """Keep a file that a person sent."""
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (file_id, bot_id, path, content))

    def file(self, bot_id: int, column: str, value: str) -> tuple[str, str, bytes] | None:
        """(file id, path, content) by ``file_id`` or ``path``, or None; a bot sees only its own files."""
        query = "SELECT file_id, path, content FROM files WHERE bot_id = ?1 AND ?2 = iif(?3 = 'path', path, file_id)"
        row: tuple[str, str, bytes] | None = self._db.execute(query, (bot_id, value, column)).fetchone()
        return row
