"""Embedders of Amazon Bedrock, through botocore against a server that speaks InvokeModel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from local.aws.embeddings import COHERE, TITAN
from manyclaw.aws import Clients, Credentials
from manyclaw.errors import Misconfigured, Unavailable
from manyclaw.memory import BUDGET_SECONDS, Job, Turn, load_memory_row
from manyclaw.memory.embedders import Embedder, embedder
from tests.integration.bedrock import Bedrock, serving
from tests.integration.memories import OwnMemory, private, record
from tests.integration.world import Person, World

pytestmark = pytest.mark.integration


@pytest.fixture
def bedrock() -> Iterator[Bedrock]:
    with serving() as server:
        yield server


def from_bedrock(name: str, server: Bedrock) -> Embedder:
    return embedder(name, Clients("us-east-1", Credentials("key", "secret", "token"), server.endpoint))


@pytest.mark.parametrize(("name", "model", "size"), [("titan", TITAN, 512), ("cohere", COHERE, 1_024)])
def test_texts_become_vectors_of_length_one(bedrock: Bedrock, name: str, model: str, size: int) -> None:
    # Given texts of every kind, more than one batch of them
    asked = from_bedrock(name, bedrock)
    texts = ["bees in Patagonia", "", "\x00", "é" * 4_000, *(f"number {number}" for number in range(100))]
    # When they are embedded
    found = asked.passages(texts)
    query = asked.query("bees in Patagonia")
    # Then each has its vector, in order, of length 1
    assert found.shape == (104, size) == (104, asked.dimensions)
    assert found.dtype == query.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert int(np.argmax(found @ query[0])) == 0
    # And Bedrock was asked as its documentation says
    assert {asked_for for asked_for, _ in bedrock.requests} == {model}
    if name == "titan":
        assert len(bedrock.requests) == 105
        assert bedrock.requests[-1][1] == {"inputText": "bees in Patagonia", "dimensions": 512, "normalize": True}
    else:
        batches = [(len(each["texts"]), each["input_type"]) for _, each in bedrock.requests]
        assert batches == [(96, "search_document"), (8, "search_document"), (1, "search_query")]


@pytest.mark.parametrize("name", ["titan", "cohere"])
@pytest.mark.parametrize("fault", ["ThrottlingException", "ServiceUnavailableException", "InternalServerException"])
def test_a_busy_bedrock_is_asked_again(bedrock: Bedrock, name: str, fault: str) -> None:
    bedrock.faults += [fault]
    assert from_bedrock(name, bedrock).passages(["tea"]).shape[0] == 1
    assert len(bedrock.requests) == 2


def test_what_does_not_pass_is_told_as_such(bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # botocore's pauses between tries
    refused = ["AccessDeniedException", "ValidationException"]
    broken: list[str | bytes] = [
        "ModelErrorException",
        b"no JSON",
        b"[]",
        b'{"embedding": [1, 2]}',
        b'{"embedding": null}',
        b"{}",
    ]
    asked = from_bedrock("titan", bedrock)
    for fault in refused:
        bedrock.faults += [fault]
        with pytest.raises(Misconfigured, match=rf"{fault}.*BedrockEmbeddings"):
            asked.passages(["tea"])
    for answer in [*broken, "ThrottlingException"]:
        bedrock.faults += [answer] * (4 if answer == "ThrottlingException" else 1)
        with pytest.raises(Unavailable):
            asked.passages(["tea"])
    bedrock.faults = [b'{"embeddings": [[1.0]]}']
    with pytest.raises(Unavailable):
        from_bedrock("cohere", bedrock).passages(["one", "two"])


def test_a_search_does_not_wait_for_a_bedrock_that_is_silent(bedrock: Bedrock) -> None:
    bedrock.faults += [3.0]
    began = time.monotonic()
    with pytest.raises(Unavailable):
        from_bedrock("titan", bedrock).query("tea")
    assert time.monotonic() - began < BUDGET_SECONDS
    assert len(bedrock.requests) == 1


# ---------------------------------------------------------------------- with tables on S3
def test_a_throttled_embedder_loses_no_turn_and_a_search_goes_on_by_words(
    world: World, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a turn that comes while Bedrock throttles
    monkeypatch.setenv("AWS_ENDPOINT_URL", world.stack["aws_endpoint"])
    memory = OwnMemory.on(world, from_bedrock("titan", bedrock))
    acme, ann = world.customer(), Person.new("Ann")
    scope, whose = acme.scope, private(ann)
    said = Turn("1-1", str(ann.id), datetime.now(UTC), "Ann", "the spare key is under the third stone")
    bedrock.faults += ["ThrottlingException"] * 4
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", lambda _: None)
        # When it is to be indexed, then it is to be delivered again, and nothing was counted
        assert memory.work([record(Job("turn", scope.tenant, whose, said))]) == ["one"]
    assert load_memory_row(scope, whose).turns == 0
    # And the next attempt indexes it
    assert memory.work([record(Job("turn", scope.tenant, whose, said), 2)]) == []
    assert memory.work([record(Job("turn", scope.tenant, whose, replace(said, id="1-2", said="tea")))]) == []
    assert load_memory_row(scope, whose).turns == 2
    # When a search comes while Bedrock throttles, is silent, or refuses
    request = {"tenant": scope.tenant, "subject": whose, "query": "where is the key?", "limit": 1}
    faults: list[str | float] = ["ThrottlingException", 3.0, "AccessDeniedException"]
    for fault in faults:
        bedrock.faults += [fault]
        began = time.monotonic()
        found = memory.search(request)
        # Then words alone find it, within the budget
        assert [each.turn.id for each in found] == ["1-1"]
        assert time.monotonic() - began < BUDGET_SECONDS
