"""Bedrock's embedding models as the embedded stack answers for them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from local.aws.embeddings import COHERE, TITAN, Invalid, embeddings, model_of


def test_titan_answers_with_vectors_of_the_length_and_size_asked_for() -> None:
    answer = embeddings(TITAN, {"inputText": "a b b", "dimensions": 256, "normalize": False})
    assert answer is not None
    assert len(answer["embedding"]) == 256
    assert sorted(answer["embedding"])[-2:] == [1.0, 2.0]
    normal = embeddings(TITAN, {"inputText": "a b b"})
    assert normal is not None
    assert math.isclose(math.hypot(*normal["embedding"]), 1.0)
    assert len(normal["embeddingsByType"]["float"]) == 1_024


def test_cohere_answers_one_vector_a_text() -> None:
    answer = embeddings(COHERE, {"texts": ["One", "two"], "input_type": "search_query", "truncate": "END"})
    assert answer is not None
    assert [len(vector) for vector in answer["embeddings"]] == [1_024, 1_024]
    assert answer["response_type"] == "embeddings_floats"


@pytest.mark.parametrize(
    ("model", "request_"),
    [
        (TITAN, {"inputText": ""}),
        (TITAN, {"inputText": "a", "dimensions": 300}),
        (TITAN, {"inputText": "a", "texts": []}),
        (COHERE, {"texts": ["a"]}),
        (COHERE, {"texts": ["a"] * 97, "input_type": "search_query"}),
        (COHERE, {"texts": ["a" * 2_049], "input_type": "search_query"}),
        (COHERE, []),
    ],
)
def test_what_bedrock_refuses_is_refused(model: str, request_: Any) -> None:
    with pytest.raises(Invalid):
        embeddings(model, request_)


def test_models_are_read_from_the_path_and_others_left_alone() -> None:
    assert model_of("/model/amazon.titan-embed-text-v2%3A0/invoke") == TITAN
    assert model_of("/model/x/converse") == ""
    assert embeddings("anthropic.claude", {}) is None
