"""``parse_mode: HTML``: the tags that Telegram reads, and its refusal of every other."""

from html.parser import HTMLParser
from typing import Any

from local.telegram.errors import bad_request
from local.telegram.text import utf16_length

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.entities: list[dict[str, Any]] = []
        self._open: list[tuple[str, dict[str, Any]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise bad_request(f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {self._at()}')
        entity: dict[str, Any] = {"type": _TAGS[tag], "offset": utf16_length(self.text)}
        if tag == "a":
            entity["url"] = dict(attrs).get("href") or ""
        self._open.append((tag, entity))

    def handle_endtag(self, tag: str) -> None:
        if not self._open:
            raise bad_request(f"can't parse entities: Unexpected end tag at byte offset {self._at()}")
        expected, entity = self._open.pop()
        if tag != expected:
            raise bad_request(
                f"can't parse entities: Unmatched end tag at byte offset {self._at()}, "
                f'expected "</{expected}>", found "</{tag}>"'
            )
        entity["length"] = utf16_length(self.text) - entity["offset"]
        if entity["length"] and (entity["type"] != "text_link" or entity["url"]):
            self.entities.append(entity)

    def handle_data(self, data: str) -> None:
        self.text += data

    def finish(self) -> None:
        self.close()
        if self._open:
            tag = self._open[-1][0]
            raise bad_request(f"can't parse entities: Can't find end tag corresponding to start tag \"{tag}\"")

    def _at(self) -> int:
        return len(self.text.encode())


def read_html(text: str) -> tuple[str, list[dict[str, Any]]]:
    """The plain text and its entities. Raises `BotApiError` 400 on a tag that Telegram does not know."""
    reader = _Reader()
    reader.feed(text)
    reader.finish()
    return reader.text, reader.entities
