"""Texts as search terms: words of any language, brought to the form in which they are looked up.

LanceDB's own tokenizers are made for one language an index; a bot's chats mix them. So the terms are made here, by
script, and LanceDB splits them at spaces only. Cyrillic words are stemmed as Russian and Latin ones as English; scripts
that put no spaces between words become single characters and pairs of them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

MAX_TERM_CHARACTERS = 40

# Han, kana, Hangul, Thai, Lao, Khmer, Burmese: written without spaces, or (Hangul) with endings grown on.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
# The vowel signs of the scripts of India are no letters to Python, but belong to their words.
_MARKS = "\u0900-\u0963\u0971-\u0dff"
_RUNS = re.compile(rf"[{_UNSPACED}]+|(?:[^\W_{_UNSPACED}]|[{_MARKS}])+")
# Over Latin, Greek and Cyrillic letters; Hebrew points; Arabic vowels, hamza over or under a letter, and the tatweel.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]+"
)
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LATIN = re.compile("[a-z]")

_STOPPED = (
    "a an and are as at be been but by can could did do does doing for from had has have having he her hers him "
    "his how i if in into is it its me my no not of on or our she so such than that the their them then there "
    "these they this those to too us was we were what when where which who whom why will with would you your "
    "и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне было вот от "
    "меня о из ему ли или быть был до вас вам ни мы их чем была для это эти этот мой моя мое мои"
)
_STOP_WORDS = frozenset(_STOPPED.split())


@cache
def _stemmer(language: str) -> Any:
    from snowballstemmer import stemmer

    return stemmer(language)


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    if _CYRILLIC.search(word):
        return str(_stemmer("russian").stemWord(word))
    return str(_stemmer("english").stemWord(word)) if _LATIN.search(word) else word


def terms(text: str) -> list[str]:
    """The search terms of ``text`` in order, repetitions included; none for a text of only emoji."""
    found: list[str] = []
    for run in _RUNS.findall(_plain(text)):
        if _UNSPACED_RUN.match(run):
            found.extend(run)
            found.extend(first + second for first, second in pairwise(run))
        elif run not in _STOP_WORDS:
            found.append(_stem(run[:MAX_TERM_CHARACTERS]))
    return found


def _plain(text: str) -> str:
    """Lower case, without accents and compatibility forms (full-width digits, ligatures).

    Kana's voicing marks and the vowel signs of Thai and of India's scripts carry meaning and stay.
    """
    folded = unicodedata.normalize("NFKD", text).casefold().replace("\u2019", "'").replace("'s ", " ")
    return unicodedata.normalize("NFC", _ACCENTS.sub("", folded))
