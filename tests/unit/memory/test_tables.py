"""Tables in a local folder; S3 comes with the integration tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lancedb
import pytest

from manyclaw.errors import Unavailable
from manyclaw.memory.model import Turn
from manyclaw.memory.tables import MemoryTable
from tests.unit.memory.fakes import WordsEmbedder


def turn(number: int, said: str, conversation: str = "7") -> Turn:
    at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC) + timedelta(minutes=number)
    return Turn(f"1-{number}", conversation, at, "Ann", said)


def table(folder: Path, embedder: WordsEmbedder | None = None) -> MemoryTable:
    return MemoryTable(lancedb.connect(folder), embedder or WordsEmbedder())


def test_an_empty_memory_finds_nothing(tmp_path: Path) -> None:
    assert table(tmp_path).search("anything", 5) == []
    table(tmp_path).optimize()


def test_a_turn_is_one_row_however_often_it_comes(tmp_path: Path) -> None:
    # Given two processes that have both opened the table
    one, other = table(tmp_path), table(tmp_path)
    assert one.add([turn(1, "bees in Patagonia"), turn(1, "bees in Patagonia")]) == 1
    # When each is given the same turns
    assert other.add([turn(1, "bees in Patagonia"), turn(2, "tea")]) == 1
    assert one.add([turn(2, "tea")]) == 0
    # Then both see two
    assert len(one.refresh()) == len(other.refresh()) == len(table(tmp_path).refresh()) == 2


def test_a_reader_sees_what_was_written_since_and_optimizing_changes_nothing(tmp_path: Path) -> None:
    writer, reader = table(tmp_path), table(tmp_path)
    for number in range(25):
        writer.add([turn(number, f"parcel{number} arrived")])
        assert reader.search(f"parcel{number}", 1)[0].turn.id == f"1-{number}"
    writer.optimize()
    assert [each.turn.id for each in table(tmp_path).search("parcel3", 1)] == ["1-3"]
    writer.add([turn(25, "parcel25 arrived")])
    assert reader.search("parcel25", 1)[0].turn.id == "1-25"
    assert len(reader.refresh()) == 26


def test_passages_come_with_their_neighbours_in_the_same_conversation(tmp_path: Path) -> None:
    memory = table(tmp_path)
    memory.add([turn(1, "good morning"), turn(2, "elsewhere", "7:9"), turn(3, "the dentist"), turn(4, "at noon")])
    found = memory.search("dentist", 1)[0]
    assert (found.before and found.before.said, found.turn.said, found.after and found.after.said) == (
        "good morning", "the dentist", "at noon",
    )  # fmt: skip


def test_another_embedder_makes_the_table_anew_and_is_searched_by_words_until_then(tmp_path: Path) -> None:
    # Given turns with the vectors of one embedder
    table(tmp_path, WordsEmbedder("old")).add([turn(1, "bees in Patagonia"), turn(2, "green tea")])
    # When another is configured
    memory = table(tmp_path, WordsEmbedder("new"))
    assert not memory.exists()
    assert memory.search_others("Patagonia", 5)[0].turn.said == "bees in Patagonia"
    # Then the next write takes the turns over
    assert memory.adopt() == 2
    assert memory.others() == []
    assert memory.search("tea", 1)[0].turn.said == "green tea"


def test_the_table_of_another_embedder_is_read_once(tmp_path: Path) -> None:
    table(tmp_path, WordsEmbedder("old")).add([turn(1, "bees in Patagonia")])
    memory = table(tmp_path, WordsEmbedder("new"))
    assert memory.search_others("bees", 5)
    assert memory.bytes > 0
    # Given files that cannot be read any more
    for data in (tmp_path / "turns_2_old.lance" / "data").iterdir():
        data.unlink()
    # Then what was read is still searched
    assert memory.search_others("Patagonia", 5)[0].turn.id == "1-1"


class Silent(WordsEmbedder):
    def query(self, text: str) -> Any:
        raise Unavailable("Bedrock is on fire.")


def test_words_find_alone_while_nobody_embeds_the_query(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = table(tmp_path, Silent())
    memory.add([turn(1, "bees in Patagonia"), turn(2, "green tea")])
    assert memory.search("Patagonia", 1)[0].turn.id == "1-1"
    assert [each.message for each in caplog.records] == ["MemoryWordsOnly"]


def test_a_table_of_unknown_columns_is_no_error(tmp_path: Path) -> None:
    lancedb.connect(tmp_path).create_table("turns_0_ancient", [{"text": "bees"}])
    memory = table(tmp_path)
    assert memory.search_others("bees", 5) == []
    assert memory.adopt() == 0
    assert memory.search("bees", 5) == []


@pytest.mark.parametrize("text", ["😀", "' OR 1=1 --", "%", "x" * 4_000, "", "\\", '"', "\x00", "नमस्ते"])
def test_no_text_breaks_a_search(tmp_path: Path, text: str) -> None:
    memory = table(tmp_path)
    memory.add([turn(1, text)])
    assert len(memory.search(text or "?", 5)) <= 1
