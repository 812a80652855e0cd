from __future__ import annotations

import pytest

from manyclaw.agent.texts import _TEXTS, LANGUAGES, text


@pytest.mark.parametrize("name", sorted(_TEXTS))
def test_every_text_is_there_in_every_language(name: str) -> None:
    assert tuple(sorted(_TEXTS[name])) == LANGUAGES


def test_a_variant_falls_back_to_its_language_and_an_unknown_one_to_english() -> None:
    assert text("paused", "de-AT") == text("paused", "de") != text("paused", "en")
    assert text("paused", "tlh") == text("paused", "en")
