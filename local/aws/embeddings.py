"""Bedrock's embedding models as they answer InvokeModel; MiniStack knows only models that write text.

Requests and answers are as AWS describes them for Amazon Titan Text Embeddings V2 and Cohere Embed Multilingual v3:
docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and …/model-parameters-embed.html.
The vectors count words, so texts that share words are close; nothing here understands anything.
"""

import json
import math
import re
import zlib
from typing import Any
from urllib.parse import unquote

TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "cohere.embed-multilingual-v3"

_MAX_TITAN_CHARACTERS = 50_000
_MAX_COHERE_TEXTS = 96
_MAX_COHERE_CHARACTERS = 2_048
_COHERE_DIMENSIONS = 1_024
_COHERE_KINDS = ("search_document", "search_query", "classification", "clustering")
_MODEL = re.compile(r"/model/(.+)/invoke")


class Invalid(Exception):
    """What Bedrock would answer with a ValidationException."""


def vector(text: str, dimensions: int, *, normalize: bool) -> list[float]:
    """One dimension a word, by its checksum."""
    found = [0.0] * dimensions
    for word in text.casefold().split():
        found[zlib.crc32(word.encode()) % dimensions] += 1.0
    length = math.sqrt(sum(value * value for value in found)) if normalize else 1.0
    return [value / (length or 1.0) for value in found]


def embeddings(model: str, request: Any) -> dict[str, Any] | None:
    """The body of the answer to InvokeModel, or None for another model. Raises Invalid."""
    if model not in (TITAN, COHERE):
        return None
    if not isinstance(request, dict):
        raise Invalid("Malformed input request, please reformat your input and try again.")
    return _titan(request) if model == TITAN else _cohere(request)


def _titan(request: dict[str, Any]) -> dict[str, Any]:
    text, dimensions = request.get("inputText"), request.get("dimensions", 1_024)
    unknown = set(request) - {"inputText", "dimensions", "normalize", "embeddingTypes"}
    if unknown:
        raise Invalid(f"Malformed input request: extraneous key {sorted(unknown)} is not permitted.")
    if not isinstance(text, str) or not 1 <= len(text) <= _MAX_TITAN_CHARACTERS:
        raise Invalid(f"Malformed input request: inputText has 1 to {_MAX_TITAN_CHARACTERS} characters.")
    if dimensions not in (256, 512, 1_024):
        raise Invalid("Malformed input request: dimensions is one of 256, 512, 1024.")
    found = vector(text, dimensions, normalize=request.get("normalize", True))
    return {"embedding": found, "embeddingsByType": {"float": found}, "inputTextTokenCount": len(text) // 4 + 1}


def _cohere(request: dict[str, Any]) -> dict[str, Any]:
    texts, kind = request.get("texts"), request.get("input_type")
    if not isinstance(texts, list) or not 1 <= len(texts) <= _MAX_COHERE_TEXTS:
        raise Invalid(f"Malformed input request: texts has 1 to {_MAX_COHERE_TEXTS} entries.")
    if not all(isinstance(text, str) and len(text) <= _MAX_COHERE_CHARACTERS for text in texts):
        raise Invalid(f"Malformed input request: expected maxLength: {_MAX_COHERE_CHARACTERS}.")
    if kind not in _COHERE_KINDS:
        raise Invalid(f"Malformed input request: input_type is one of {', '.join(_COHERE_KINDS)}.")
    return {
        "embeddings": [vector(text, _COHERE_DIMENSIONS, normalize=True) for text in texts],
        "id": "0",
        "response_type": "embeddings_floats",
        "texts": [text.lower() for text in texts],
    }


def model_of(path: str) -> str:
    """The model that the path of an InvokeModel request names; empty for another path."""
    found = _MODEL.fullmatch(unquote(path))
    return found[1] if found else ""


def install() -> None:
    """Let MiniStack answer these models, and its IAM see which model is asked for."""
    from ministack.core import iam_actions
    from ministack.services import bedrock_runtime

    invoke, resource_of = bedrock_runtime._invoke_model, iam_actions.extract_resource_arn

    def invoke_model(model: str, headers: Any, body: bytes) -> Any:
        try:
            answer = embeddings(model, json.loads(body or b"null"))
        except (Invalid, ValueError) as error:
            return bedrock_runtime._error("ValidationException", str(error), 400)
        if answer is None:
            return invoke(model, headers, body)
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()

    def resource(service: str, method: str, path: str, *arguments: Any, **named: Any) -> Any:
        known = resource_of(service, method, path, *arguments, **named)
        if not service.startswith("bedrock") or not model_of(path):
            return known
        region = named.get("region") or arguments[-2]
        return f"arn:aws:bedrock:{region}::foundation-model/{model_of(path)}"

    bedrock_runtime._invoke_model = invoke_model
    iam_actions.extract_resource_arn = resource
