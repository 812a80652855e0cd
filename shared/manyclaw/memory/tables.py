"""LanceDB: one database folder a subject in the tenant's prefix, in it one table for each kind of vectors.

A table is only ever appended to, so its rows keep their order, what was written since a known row is read without
touching the rest, and a reader never waits for a writer. The index that finds words and vectors is made in memory from
the rows (snapshot.py): LanceDB's own needs about 60 S3 requests at a cold start for three columns, reading the whole
table about 10.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from manyclaw.errors import Misconfigured, Unavailable
from manyclaw.logs import metric
from manyclaw.memory.analysis import terms
from manyclaw.memory.model import Passage, Turn
from manyclaw.memory.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

    from manyclaw.memory.embedders import Embedder, Vectors

SCHEMA_VERSION = 2
"""Goes up when the columns, or what ``terms`` makes, change: tables of an older one are made anew from their texts."""

_PREFIX = "turns_"
_COLUMNS = ("id", "conversation", "at", "speaker", "said", "answered")
_EMBEDDED_AT_ONCE = 64

log = logging.getLogger(__name__)


def table_name(embedder: Embedder) -> str:
    """A table's name says of which kind its rows and vectors are."""
    return f"{_PREFIX}{SCHEMA_VERSION}_{embedder.name}"


class MemoryTable:
    """One subject's turns. ``database`` is an open LanceDB connection to the subject's folder."""

    def __init__(self, database: Any, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder
        self._name = table_name(embedder)
        self._table: Any = None
        self._old: tuple[list[str], Snapshot] = ([], Snapshot(1))
        self.snapshot = Snapshot(embedder.dimensions)

    @property
    def bytes(self) -> int:
        """About how much memory the content takes that is held here."""
        return self.snapshot.bytes + self._old[1].bytes

    def exists(self) -> bool:
        """Whether the table is there, as one listing sees it; known for good once it was seen."""
        return self._table is not None or self._name in self._names()

    def others(self) -> list[str]:
        """Tables of another schema or embedder, which :meth:`adopt` replaces; newest name first."""
        return sorted((name for name in self._names() if name != self._name), reverse=True)

    def _names(self) -> list[str]:
        return [name for name in self._database.list_tables().tables if name.startswith(_PREFIX)]

    def refresh(self) -> Snapshot:
        """Read what was written since the last time: one request if nothing was, about ten for a whole table."""
        if self._table is None:
            self._table = self._database.open_table(self._name)
        else:
            self._table.checkout_latest()
        version = self._table.version
        if version == self.snapshot.version:
            return self.snapshot
        wanted = self._table.search().select([*_COLUMNS, "terms", "vector"]).offset(self.snapshot.rows)
        rows = wanted.limit(None).to_arrow()
        self.snapshot.extend(_turns(rows), _terms(rows), _vectors(rows))
        self.snapshot.version = version
        return self.snapshot

    def add(self, turns: Sequence[Turn]) -> int:
        """Append the turns that are not there yet; gives how many those were."""
        if self.exists():
            self.refresh()
        fresh = [turn for turn in {turn.id: turn for turn in turns}.values() if turn.id not in self.snapshot]
        if fresh:
            words = [terms(described(turn)) for turn in fresh]
            vectors = self._embed(fresh)
            self._write(self._rows(fresh, words, vectors))
            self.snapshot.extend(fresh, words, vectors)
            self.snapshot.version = self._table.version
        return len(fresh)

    def _write(self, rows: pa.Table) -> None:
        """``merge_insert`` on a declared key, so that even two writers at once leave each turn one row."""
        if self._table is None and not self.exists():
            self._table = self._database.create_table(self._name, schema=rows.schema, exist_ok=True)
            self._table.set_unenforced_primary_key("id")
        elif self._table is None:
            self._table = self._database.open_table(self._name)
        self._table.merge_insert("id").when_not_matched_insert_all().execute(rows)

    def _embed(self, turns: Sequence[Turn]) -> Vectors:
        import numpy as np

        texts = [embedded(turn) for turn in turns]
        batches = [texts[start:][:_EMBEDDED_AT_ONCE] for start in range(0, len(texts), _EMBEDDED_AT_ONCE)]
        return np.concatenate([self._embedder.passages(batch) for batch in batches])

    def _rows(self, turns: Sequence[Turn], words: Sequence[list[str]], vectors: Vectors) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        halves = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
        columns: dict[str, Any] = {
            "id": [turn.id for turn in turns],
            "conversation": [turn.conversation for turn in turns],
            "at": [turn.at for turn in turns],
            "speaker": [turn.speaker for turn in turns],
            "said": [turn.said for turn in turns],
            "answered": [turn.answered for turn in turns],
            "terms": [" ".join(each) for each in words],
            "vector": pa.FixedSizeListArray.from_arrays(halves, self._embedder.dimensions),
        }
        return pa.table(columns, schema=_schema(self._embedder.dimensions))

    def search(self, query: str, limit: int) -> list[Passage]:
        """The turns that answer best to ``query``; none if there is no table."""
        if not self.exists():
            return []
        snapshot = self.refresh()
        return snapshot.search(terms(query), self._query(query), limit) if len(snapshot) else []

    def _query(self, query: str) -> Vectors:
        """Without an embedder the words find alone."""
        import numpy as np

        try:
            return self._embedder.query(query)
        except (Unavailable, Misconfigured) as error:
            metric(log, "MemoryWordsOnly", error=str(error)[:200])
            return np.zeros((1, self._embedder.dimensions), dtype=np.float32)

    def search_others(self, query: str, limit: int) -> list[Passage]:
        """By words only, in a table of another schema or embedder; for as long as it has not been adopted.

        It is read once: whoever writes adopts it first.
        """
        import numpy as np

        others = self.others()
        if self._old[0] != others:
            held = Snapshot(1)
            for turns, words in self._read(others):
                held.extend(turns, words, np.zeros((len(turns), 1), np.float32))
            self._old = (others, held)
        return self._old[1].search(terms(query), np.zeros(1), limit)

    def _read(self, names: Sequence[str]) -> Iterator[tuple[list[Turn], list[list[str]]]]:
        """Turns and terms of tables that are not ours."""
        for name in names:
            try:
                same = name.startswith(f"{_PREFIX}{SCHEMA_VERSION}_")
                columns = [*_COLUMNS, "terms"] if same else list(_COLUMNS)
                rows = self._database.open_table(name).search().select(columns).limit(None).to_arrow()
                turns = _turns(rows)
                yield turns, _terms(rows) if same else [terms(described(turn)) for turn in turns]
            except (ValueError, KeyError, RuntimeError) as error:
                # Too old to have our columns: its texts come back with a rebuild.
                log.warning("table not readable", extra={"fields": {"table": name, "error": str(error)[:200]}})

    def optimize(self) -> None:
        """Merge the small files of single writes and remove those that no current version needs."""
        if not self.exists():
            return
        if self._table is None:
            self._table = self._database.open_table(self._name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self._table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
        if self.snapshot.version >= 0:
            self.snapshot.version = self._table.version

    def adopt(self) -> int:
        """Make the table anew from the texts of one with another schema or embedder; gives how many turns it had."""
        others = self.others()
        turns = [turn for each, _ in self._read(others) for turn in each]
        added = self.add(turns) if turns else 0
        for name in others:
            self._database.drop_table(name)
        self._old = ([], Snapshot(1))
        return added


def embedded(turn: Turn) -> str:
    """The text whose meaning finds a turn."""
    return f"{turn.speaker}: {turn.said}\n{turn.answered}".strip()


def described(turn: Turn) -> str:
    """The text whose words find a turn: when it was, who spoke, what was said and answered."""
    return f"{turn.at:%A %d %B %Y} {turn.speaker}: {turn.said} {turn.answered}"


def _schema(dimensions: int) -> pa.Schema:
    import pyarrow as pa

    texts = [pa.field(name, pa.string()) for name in ("conversation", "speaker", "said", "answered", "terms")]
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            texts[0],
            pa.field("at", pa.timestamp("ms", tz="UTC")),
            *texts[1:],
            pa.field("vector", pa.list_(pa.float16(), dimensions)),
        ]
    )


def _turns(rows: pa.Table) -> list[Turn]:
    moments = rows["at"].cast("int64").to_pylist()
    texts = [rows[name].to_pylist() for name in ("id", "conversation", "speaker", "said", "answered")]
    return [
        Turn(turn, conversation, datetime.fromtimestamp(moment / 1000, UTC), speaker, said, answered)
        for turn, conversation, speaker, said, answered, moment in zip(*texts, moments, strict=True)
    ]


def _terms(rows: pa.Table) -> list[list[str]]:
    return [words.split(" ") if words else [] for words in rows["terms"].to_pylist()]


def _vectors(rows: pa.Table) -> Vectors:
    import numpy as np

    column = rows["vector"].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    vectors: Vectors = flat.reshape(len(rows), column.type.list_size)
    return vectors
