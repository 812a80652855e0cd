"""A glossary: the house's own in a file of the skill, what users add in the tenant's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from manyclaw_skill import ToolError, scratch, tool

HOUSE: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "glossary.json").read_text())
MOST_TERMS = 1_000


@tool
def look_up_terms(terms: list[str], language: Literal["de", "fr", "es"]) -> str:
    """How the glossary translates English terms, one a line.

    Args:
        terms: English words or phrases.
        language: The language to translate into.
    """
    known = _terms()
    found = [f"{term} = {known[_key(term)][language]}" for term in terms if language in known.get(_key(term), {})]
    missing = [term for term in terms if language not in known.get(_key(term), {})]
    return "\n".join([*found, *([f"not in the glossary: {', '.join(missing)}"] if missing else [])])


@tool
def keep_term(term: str, language: Literal["de", "fr", "es"], translation: str) -> str:
    """Put a translation into the glossary; it goes before the house's own from now on.

    Args:
        term: The English word or phrase.
        language: The language of the translation.
        translation: How the term is translated.
    """
    own = _own()
    if len(own) >= MOST_TERMS and _key(term) not in own:
        raise ToolError(f"The glossary is full ({MOST_TERMS} terms).")
    own.setdefault(_key(term), {})[language] = translation
    (scratch() / "terms.json").write_text(json.dumps(own, indent=1, ensure_ascii=False, sort_keys=True))
    return f"Kept: {_key(term)} = {translation} ({language})."


def _own() -> dict[str, dict[str, str]]:
    file = scratch() / "terms.json"
    return json.loads(file.read_text()) if file.exists() else {}


def _terms() -> dict[str, dict[str, str]]:
    known = {term: dict(translations) for term, translations in HOUSE.items()}
    for term, translations in _own().items():
        known.setdefault(term, {}).update(translations)
    return known


def _key(term: str) -> str:
    return " ".join(term.lower().split())
