"""Facts that are there twice."""

from __future__ import annotations

from manyclaw.memory.model import Fact
from manyclaw.memory.tidying import split_repeated

OLD, NEW = "2026-01-01", "2026-11-22"


def _split(*texts: str) -> tuple[list[str], list[str]]:
    facts = tuple(Fact(text, OLD) for text in texts)
    kept, removed = split_repeated(facts)
    assert sorted([*kept, *removed], key=repr) == sorted(facts, key=repr)
    return [fact.text for fact in kept], [fact.text for fact in removed]


def test_what_says_the_same_is_kept_once_the_youngest() -> None:
    assert _split("Ann drinks tea", "Has a dog", "ann drinks  tea.") == (
        ["Has a dog", "ann drinks  tea."],
        ["Ann drinks tea"],
    )
    kept, _ = split_repeated((Fact("Tea", OLD), Fact("tea", NEW)))
    assert kept == [Fact("tea", NEW)]


def test_what_only_looks_alike_stays() -> None:
    for texts in (
        ("Ann drinks tea", "Ann drinks no tea"),
        ("born 1.2.2000", "born 12.2000"),
        ("owes 5 EUR", "owes 5.0 EUR"),
        ("Straße 5", "Strasse 6"),
        ("The key is aB", "The key is Ab"),
        ("!", "."),
        (),
    ):
        assert _split(*texts) == (list(texts), [])
