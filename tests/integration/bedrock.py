"""Amazon Bedrock's InvokeModel as a server of its own, for faults that the embedded stack's does not make."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.aws.embeddings import Invalid, embeddings, model_of

STATUS = {
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "ValidationException": 400,
}
"""Bedrock's errors and their HTTP statuses, from the API reference of InvokeModel."""

_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/bedrock/aws4_request, SignedHeaders=.*host.*")


@dataclass
class Bedrock:
    """``faults`` are answered first, one a request: the name of an error, a body, or seconds of silence."""

    endpoint: str
    faults: list[str | bytes | float] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, str, bytes]:
        """Status, error name (or "") and body."""
        if not _SIGNED.fullmatch(authorization):
            return _error("AccessDeniedException", "The request is not signed for bedrock.")
        request = json.loads(body)
        self.requests.append((model_of(path), request))
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, bytes):
            return 200, "", fault
        if isinstance(fault, str):
            return _error(fault, "as ordered")
        time.sleep(fault or 0)
        try:
            found = embeddings(model_of(path), request)
        except Invalid as error:
            return _error("ValidationException", str(error))
        if found is None:
            return _error("ValidationException", "The provided model identifier is invalid.")
        return 200, "", json.dumps(found).encode()


def _error(name: str, message: str) -> tuple[int, str, bytes]:
    return STATUS[name], name, json.dumps({"message": message}).encode()


@contextmanager
def serving() -> Iterator[Bedrock]:
    """A server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, error, data = bedrock.answer(self.path, self.headers.get("Authorization", ""), body)
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if error:
                    self.send_header("x-amzn-ErrorType", error)
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # the client has given up

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bedrock = Bedrock(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bedrock
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
