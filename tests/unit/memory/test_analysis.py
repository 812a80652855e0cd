from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manyclaw.memory.analysis import terms


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("She was painting sunrises", "paint the sunrise"),
        ("У моей сестры пчёлы", "пчела сестра"),
        ("Ёлка", "елка"),
        ("我喜欢喝绿茶", "绿茶"),
        ("カフェで会いましょう", "カフェ"),
        ("Crème brûlée", "creme brulee"),
        ("ＡＢＣ１２３", "abc123"),
        ("أُخْتِي تُرَبِّي النَّحْلَ", "النحل اختي"),
        ("אֲחוֹתִי", "אחותי"),
        ("मेरी बहन मधुमक्खियाँ पालती है।", "मधुमक्खियाँ है"),
    ],
)
def test_a_word_is_found_in_another_form(said: str, asked: str) -> None:
    assert set(terms(asked)) <= set(terms(said))


@pytest.mark.parametrize("word", ["मधुमक्खियाँ", "சகோதரி", "النحل"])
def test_a_word_of_another_script_is_one_term(word: str) -> None:
    assert len(terms(word)) == 1


@pytest.mark.parametrize("text", ["", "😀😀", "the and of", "…!?", "\x00"])
def test_what_has_no_words_has_no_terms(text: str) -> None:
    assert terms(text) == []


@given(st.text(max_size=300))
def test_terms_of_anything_hold_no_space_and_are_not_empty(text: str) -> None:
    assert all(term and " " not in term for term in terms(text))
