"""Splitting a long answer into messages that Telegram takes."""

from __future__ import annotations

MAX_MESSAGE_UNITS = 4096
"""Telegram's limit for a text message, in UTF-16 code units."""


def utf16_length(text: str) -> int:
    """The length of ``text`` as Telegram counts it: characters outside the basic plane count two."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def split_message(text: str, limit: int = MAX_MESSAGE_UNITS) -> list[str]:
    """``text`` in parts of at most ``limit`` UTF-16 units, none empty or only white space.

    Parts end at a paragraph if one ends in the latter half of the part, else at a line, else at a word, else anywhere;
    never inside a surrogate pair, since text is cut between characters. White space at a cut is dropped.
    """
    parts = []
    rest = text.strip()
    while utf16_length(rest) > limit:
        window = rest[: _fitting(rest, limit)]
        cut = _cut(window, rest[len(window)])
        part = rest[:cut].rstrip()
        parts.append(part)
        rest = rest[cut:].lstrip()
    return [*parts, rest] if rest else parts


def _fitting(text: str, limit: int) -> int:
    """How many characters from the start of ``text`` fit into ``limit`` UTF-16 units."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > limit:
            return index
    return len(text)


def _cut(window: str, following: str) -> int:
    least = len(window) // 2
    for separator in ("\n\n", "\n", " "):
        if following == separator:
            return len(window)
        found = window.rfind(separator)
        if found >= least or (separator == " " and found > 0):
            return found
    return max(len(window), 1)
