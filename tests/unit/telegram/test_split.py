from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from manyclaw.telegram.split import MAX_MESSAGE_UNITS, split_message, utf16_length

ANY_TEXT = st.text(alphabet=st.sampled_from("ab \n😀é中"), max_size=400)


@given(ANY_TEXT, st.integers(min_value=2, max_value=50))
def test_no_part_is_too_long_or_empty_and_nothing_but_white_space_is_lost(text: str, limit: int) -> None:
    parts = split_message(text, limit)
    assert all(0 < utf16_length(part) <= limit for part in parts)
    assert all(part == part.strip() for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_cut_prefers_paragraph_then_line_then_word() -> None:
    assert split_message("aaaa\n\nbb bb\ncc", 10) == ["aaaa", "bb bb\ncc"]
    assert split_message("aa aa\nbb bb", 10) == ["aa aa", "bb bb"]
    assert split_message("aaaa bbbb cccc", 10) == ["aaaa bbbb", "cccc"]
    assert split_message("aaaaaaaaaaaa", 5) == ["aaaaa", "aaaaa", "aa"]


def test_a_character_outside_the_basic_plane_counts_two_and_stays_whole() -> None:
    assert split_message("😀" * 2049) == ["😀" * 2048, "😀"]
    assert split_message("a" + "😀" * 2048) == ["a" + "😀" * 2047, "😀"]
    assert split_message("x" * MAX_MESSAGE_UNITS) == ["x" * MAX_MESSAGE_UNITS]
    assert split_message(" \n ") == []
