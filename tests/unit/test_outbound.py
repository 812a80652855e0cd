"""Addresses that others chose: what is refused by its text, by its address, and while connecting."""

from __future__ import annotations

import ast
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from manyclaw import outbound
from manyclaw.errors import BadInput, Unavailable

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example.com/",
        "ftp://mcp.example.com/",
        "https://",
        "https:///x",
        "//mcp.example.com",
        "mcp.example.com",
        "https://user@mcp.example.com/",
        "https://user:secret@mcp.example.com/",
        "https://@mcp.example.com/",
        "https://mcp.example.com/?key=secret",
        "https://mcp.example.com/?",
        "https://mcp.example.com/#secret",
        "https://localhost/",
        "https://db.internal/",
        "https://printer.local/",
        "https://router/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://8.8.8.8/",
        "https://mcp.example.com\\@127.0.0.1/",
        "https://mcp.example.com:99999/",
        "https://mcp..example.com/",
        "https://-x.example.com/",
        "https://mcp.exämple.com/",
        "https://mcp.example.com/a b",
        "https://mcp.example.com/\r\nX: y",
        "https://127.0.0.1%2f.example.com/",
        "https://mcp.example.com/" + "a" * 500,
    ],
)
def test_a_url_that_is_not_a_public_https_servers_is_refused(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        outbound.check_url(url)
    assert "secret" not in str(refused.value) or "store" in str(refused.value) or "stands" in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://mcp.example.com", "https://MCP.Example.com:8443/sse", "https://a.b.co.uk/x/y"]
)
def test_a_public_servers_url_is_taken(url: str) -> None:
    assert outbound.check_url(url).host in ("mcp.example.com", "a.b.co.uk")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("169.254.170.2", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("not an address", False),
    ],
)
def test_only_addresses_of_the_public_internet_are_public(address: str, public: bool) -> None:
    assert outbound.is_public(address) is public


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address: object) -> None:
    if getattr(address, "is_private", False) or getattr(address, "is_loopback", False):
        assert not outbound.is_public(str(address))


def test_one_private_address_among_many_is_enough() -> None:
    target = outbound.check_url("https://mcp.example.com/")
    assert outbound.judged_address(target, lambda host, port: ["93.184.216.34"]) == "93.184.216.34"
    with pytest.raises(BadInput, match="not public"):
        outbound.judged_address(target, lambda host, port: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(Unavailable):
        outbound.judged_address(target, lambda host, port: [])


class _Redirects(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        self.seen.append((self.path, self.headers["Host"]))
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "https://169.254.169.254/")
        if self.path == "/trickle-headers":
            self._trickle()
        self.end_headers()
        if self.path == "/trickle":
            self._trickle()
        self.wfile.write(b"x" * (outbound.MAX_ANSWER_BYTES + 10 if self.path == "/much" else 2))

    def _trickle(self) -> None:
        """A byte now and then, each well within what one read may take."""
        for _ in range(60):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A TLS server on this machine with a certificate for mcp.example.com."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mcp.example.com").configure_cert(context)
    certificate = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(certificate))
    httpd = HTTPServer(("127.0.0.1", 0), _Redirects)
    httpd.handle_error = lambda *_: None  # type: ignore[method-assign]
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    _Redirects.seen.clear()
    yield httpd.server_port
    httpd.shutdown()
    httpd.server_close()


def test_a_connection_goes_to_the_address_that_was_judged_and_is_checked_by_the_name(
    server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a name that is public when it is judged and would lead to this machine when it is asked again
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    target = outbound.check_url(f"https://mcp.example.com:{server}/tools")
    # When it leads to this machine, then nothing is connected to
    with pytest.raises(BadInput, match="not public"):
        outbound.post(target, b"{}", {}, resolve=resolve)
    assert _Redirects.seen == []
    # And when the address passes, the name is not asked a second time, and the certificate must be the name's
    asked.clear()
    monkeypatch.setattr(outbound, "is_public", lambda address: True)
    status, _, data = outbound.post(target, b"{}", {"X-A": "b"}, resolve=resolve)
    assert (status, data, asked) == (200, b"xx", ["mcp.example.com"])
    assert _Redirects.seen == [("/tools", f"mcp.example.com:{server}")]
    other = outbound.check_url(f"https://other.example.com:{server}/")
    with pytest.raises(Unavailable, match="did not answer"):
        outbound.post(other, b"{}", {}, resolve=resolve)


def test_no_redirect_is_followed_and_no_flood_is_read(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "is_public", lambda address: True)

    def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with pytest.raises(BadInput, match="another address"):
        outbound.post(outbound.check_url(f"https://mcp.example.com:{server}/away"), b"{}", {}, resolve=here)
    with pytest.raises(BadInput, match="more than"):
        outbound.post(outbound.check_url(f"https://mcp.example.com:{server}/much"), b"{}", {}, resolve=here)
    assert [path for path, _ in _Redirects.seen] == ["/away", "/much"]


@pytest.mark.parametrize("path", ["trickle", "trickle-headers"])
def test_a_server_that_trickles_is_cut_off(server: int, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(outbound, "is_public", lambda address: True)
    target = outbound.check_url(f"https://mcp.example.com:{server}/{path}")
    began = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer"):
        outbound.post(target, b"{}", {}, seconds=0.4, resolve=lambda *_: ["127.0.0.1"])
    assert time.monotonic() - began < 2


CONNECTS = {
    "shared/manyclaw/agent/model.py": "the Messages API, the operator's AnthropicBaseUrl",
    "shared/manyclaw/aws_json.py": "AWS",
    "shared/manyclaw/aws.py": "AWS",
    "shared/manyclaw/billing/anthropic_bill.py": "the Admin API, the operator's AnthropicBaseUrl",
    "shared/manyclaw/outbound.py": "addresses that others chose",
    "shared/manyclaw/telegram/bot.py": "the Bot API, the operator's TelegramApiUrl",
    "cli/health.py": "the deployment itself",
}
"""Every file of the product that opens connections, and whose address: all but outbound.py's are the operator's."""


def test_every_file_that_connects_is_listed_here() -> None:
    libraries = {
        "urllib3",
        "httpx2",
        "httpx",
        "requests",
        "aiohttp",
        "socket",
        "http.client",
        "urllib.request",
        "anthropic",
    }
    found = set()
    for folder in ("shared/manyclaw", "functions", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
                if any(name in libraries for name in names):
                    found.add(str(path.relative_to(ROOT)))
    warming = {"shared/manyclaw/agent/loading.py", "shared/manyclaw/agent/runtime.py"}
    assert found - warming == set(CONNECTS) - {"shared/manyclaw/aws.py"}


class _Elsewhere(BaseHTTPRequestHandler):
    """Answers everything with a redirect to itself."""

    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.seen.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(307)
        self.send_header("Location", "/stolen")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815

    def _trickle(self) -> None:
        """A byte now and then, each well within what one read may take."""
        for _ in range(60):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_nothing_of_ours_follows_a_redirect_with_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import date

    from manyclaw.agent.model import ask
    from manyclaw.aws_json import AwsJson
    from manyclaw.billing.anthropic_bill import billed_tokens
    from manyclaw.errors import ManyclawError
    from manyclaw.telegram import Bot

    httpd = HTTPServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    address = f"http://127.0.0.1:{httpd.server_port}"
    for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_ENDPOINT_URL", address)):
        monkeypatch.setenv(name, value)
    request = {"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    today = date(2026, 11, 22)
    calls: list[Callable[[], Any]] = [
        lambda: Bot(address, "123456:" + "a" * 35).call("getMe"),
        lambda: ask(address, "key", request, lambda: 600.0),
        lambda: billed_tokens(address, "key", today, today),
        lambda: AwsJson("us-east-1").call("sqs", "SendMessage", {}),
    ]
    for number, call in enumerate(calls, 1):
        with pytest.raises(ManyclawError):
            call()
        assert len(_Elsewhere.seen) == number
    assert not [path for path in _Elsewhere.seen if "stolen" in path]
    httpd.shutdown()
    httpd.server_close()
