"""The webhook's handler on the sample events, with DynamoDB and SQS as small HTTP servers that speak their protocol."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from functions.webhook import app
from manyclaw import aws_json, settings
from tests.events import event

SECRET = "the-pairing-secret"


class Aws:
    """Answers GetItem with one pairing, takes SendMessage, and fails as often as it is told."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.reads = 0
        self.secret = SECRET
        self.failures: list[tuple[int, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256")
                status, answer = outer.answer(self.headers["X-Amz-Target"], body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, target: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.failures:
            status, code = self.failures.pop(0)
            return status, {"__type": f"com.amazonaws#{code}"}
        if target.endswith("GetItem"):
            self.reads += 1
            if body["Key"]["sk"]["S"] != "WEBHOOK#customer-acme":
                return 200, {}
            digest = hashlib.sha256(self.secret.encode()).hexdigest()
            return 200, {"Item": {"secret_sha256": {"S": digest}, "bot_id": {"N": "7000000001"}}}
        self.sent.append(body)
        return 200, {"MessageId": "1"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    server = Aws()
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "x",
        "MANYCLAW_STACK": "manyclaw",
        "MANYCLAW_TABLE": "table",
        "MANYCLAW_INBOUND_QUEUE_URL": "http://queue/inbound.fifo",
    }.items():
        monkeypatch.setenv(name, value)
    app._intake.cache_clear()
    settings.settings.cache_clear()
    yield server
    server.server.shutdown()
    server.server.server_close()
    aws_json._pool().clear()
    app._intake.cache_clear()
    settings.settings.cache_clear()


def _status(name: str, **changes: Any) -> int:
    status: int = app.handler({**event(name), **changes}, None)["statusCode"]
    return status


def test_a_message_goes_to_the_queue_whole(aws: Aws) -> None:
    assert _status("http/telegram-message") == 200
    (sent,) = aws.sent
    body = json.loads(sent["MessageBody"])
    assert body["update"] == json.loads(event("http/telegram-message")["body"])
    assert (body["source"], body["tenant"], body["bot_id"]) == ("telegram", "customer-acme", 7_000_000_001)
    assert sent["MessageGroupId"] == "customer-acme/1111"
    assert sent["MessageDeduplicationId"] == "customer-acme/7000000001/10000"


def test_a_second_message_costs_no_second_read_and_a_wrong_secret_does(aws: Aws) -> None:
    assert [_status("http/telegram-message") for _ in range(3)] == [200, 200, 200]
    assert aws.reads == 1
    wrong = {"x-telegram-bot-api-secret-token": "guess"}
    assert _status("http/telegram-message", headers=wrong) == 401
    assert aws.reads == 2
    assert len(aws.sent) == 3


def test_a_new_secret_holds_at_once(aws: Aws) -> None:
    assert _status("http/telegram-message") == 200
    aws.secret = "the-next-secret"
    new = {"x-telegram-bot-api-secret-token": "the-next-secret"}
    assert _status("http/telegram-message", headers=new) == 200


def test_what_is_not_handled_or_not_allowed_never_reaches_the_queue(aws: Aws) -> None:
    assert _status("http/telegram-base64") == 200
    assert _status("http/telegram-no-secret") == 401
    assert _status("http/telegram-message", pathParameters={"tenant": "globex"}) == 401
    assert _status("http/telegram-message", pathParameters={"tenant": "a/../b"}) == 401
    assert _status("http/telegram-message", body="{}") == 400
    assert _status("http/telegram-message", body="@@", isBase64Encoded=True) == 400
    assert _status("http/telegram-message", body=None) == 400
    assert aws.sent == []


def test_a_passing_failure_is_tried_again_and_a_lasting_one_left_to_telegram(aws: Aws) -> None:
    aws.failures = [(500, "InternalServerError"), (503, "ServiceUnavailable")]
    assert _status("http/telegram-message") == 200
    aws.failures = [(500, "InternalServerError")] * 10
    assert _status("http/telegram-message") == 503
    aws.failures = [(400, "ThrottlingException")]
    assert _status("http/telegram-message") == 503
    aws.failures = [(400, "AccessDeniedException")]
    assert _status("http/telegram-message") == 500


def test_a_character_that_sqs_refuses_is_escaped_and_means_the_same(aws: Aws) -> None:
    update = {"update_id": 1, "message": {"chat": {"id": 5}, "text": "a\uffffb\uffff😀"}}
    assert _status("http/telegram-message", body=json.dumps(update, ensure_ascii=False)) == 200
    body = aws.sent[0]["MessageBody"]
    assert "\uffff" not in body
    assert json.loads(body)["update"] == update
