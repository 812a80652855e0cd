"""Texts as Telegram counts them: in UTF-16 code units, with entities over them."""

import json
import re
from typing import Any

from local.telegram.errors import bad_request

MAX_TEXT = 4096
MAX_ENTITIES = 100
MAX_ENTITY_BYTES = 9_000
"""Telegram refuses entities beyond roughly this size; measured, not documented."""

ENTITY_TYPES = frozenset(
    {
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
    }
)
_TYPED = re.compile(
    r"(?P<bot_command>(?<![\w/<])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)"
    r"|(?P<email>[\w.+-]+@[\w-]+\.[A-Za-z]{2,})"
    r"|(?P<mention>(?<![\w@])@[A-Za-z0-9_]{3,32})"
    r"|(?P<url>https?://[^\s<>\"]+[^\s<>\".,;:!?)\]])"
    r"|(?P<hashtag>(?<![\w#])\#[^\W\d]\w*)"
)


def utf16_length(text: str) -> int:
    """How many UTF-16 code units ``text`` has: what Telegram's limits and offsets count."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def typed_entities(text: str) -> list[dict[str, Any]]:
    """What Telegram marks by itself in a person's message: commands, mentions, links, hashtags."""
    found = []
    for match in _TYPED.finditer(text):
        kind = str(match.lastgroup)
        offset = utf16_length(text[: match.start()])
        found.append({"type": kind, "offset": offset, "length": utf16_length(match.group())})
    return found


def read_entities(raw: str | None) -> list[dict[str, Any]] | None:
    """The ``entities`` argument. Telegram ignores what is no array, and keeps the first hundred."""
    if not raw:
        return None
    try:
        value = json.loads(raw)
    except ValueError:
        raise bad_request("can't parse entities JSON object") from None
    if not isinstance(value, list):
        return None
    return [_entity(item) for item in value][:MAX_ENTITIES]


def _entity(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise bad_request("can't parse MessageEntity: expected an Object")
    for field in ("offset", "length"):
        if not isinstance(item.get(field), int):
            raise bad_request(f"can't parse MessageEntity: Can't find field \"{field}\"")
    if item.get("type") not in ENTITY_TYPES:
        raise bad_request("can't parse MessageEntity: Unsupported type specified")
    if item["type"] == "text_link" and not re.match(r"(https?|tg|ton)://|mailto:|tel:", str(item.get("url", "")), re.I):
        raise bad_request(f"Wrong HTTP URL specified: {item.get('url', '')}")
    return dict(item)


def outgoing(text: str, entities: list[dict[str, Any]] | None) -> tuple[str, list[dict[str, Any]]]:
    """Check and tidy a bot's text as Telegram does before it accepts it.

    White space is cut at both ends (never inside an entity), offsets move with it, and entities are clipped to what
    is left. Raises `BotApiError` 400 with Telegram's text when the text is empty, too long, or an entity is out of
    place.
    """
    if not text:
        raise bad_request("message text is empty")
    marked = entities or []
    _check_places(text, marked)
    text, marked = _trim(text, marked)
    if not text:
        raise bad_request("text must be non-empty")
    if utf16_length(text) > MAX_TEXT:
        raise bad_request("message is too long")
    if len(json.dumps(marked)) > MAX_ENTITY_BYTES + MAX_ENTITIES * 64:
        raise bad_request("ENTITIES_TOO_LONG")
    return text, marked if entities is not None else typed_entities(text)


def _check_places(text: str, entities: list[dict[str, Any]]) -> None:
    if not entities:
        return
    boundaries, total = _boundaries(text)
    for entity in entities:
        offset, length = entity["offset"], entity["length"]
        end = offset + length
        if offset < 0 or offset > 1_000_000:
            raise bad_request(f"receive an entity with incorrect offset {offset}")
        if length < 0 or length > 1_000_000:
            raise bad_request(f"receive an entity with incorrect length {length}")
        if end > total:
            raise bad_request(
                f"entity beginning at UTF-16 offset {offset} ends after the end of the text at UTF-16 offset {end}"
            )
        if offset not in boundaries:
            raise bad_request(f"entity begins in a middle of a UTF-16 symbol at byte offset {_bytes(text, offset)}")
        if end not in boundaries:
            raise bad_request(
                f"entity beginning at UTF-16 offset {offset} ends in a middle of a UTF-16 symbol "
                f"at byte offset {_bytes(text, end)}"
            )


def _boundaries(text: str) -> tuple[set[int], int]:
    places, at = {0}, 0
    for character in text:
        at += 2 if ord(character) > 0xFFFF else 1
        places.add(at)
    return places, at


def _bytes(text: str, offset: int) -> int:
    """Where the UTF-8 symbol ends that ``offset`` cuts through."""
    encoded = text.encode("utf-16-le")[: (offset + 1) * 2]
    return len(encoded.decode("utf-16-le", "ignore").encode())


def _trim(text: str, entities: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    room = min((entity["offset"] for entity in entities), default=len(text))
    lead = min(len(text) - len(text.lstrip(" \n\r\t")), room)
    text = text[lead:].rstrip(" \n\r\t")
    total = utf16_length(text)
    kept = []
    for entity in entities:
        offset = entity["offset"] - lead
        length = min(entity["length"], total - offset)
        if length > 0:
            kept.append({**entity, "offset": offset, "length": length})
    return text, sorted(kept, key=lambda entity: (entity["offset"], -entity["length"]))
