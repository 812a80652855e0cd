"""Addresses that somebody else chose: which of them we would ever connect to, and how.

A tenant's owner names MCP servers by URL. A server inside the operator's network (the metadata service at
169.254.169.254, a database's console, the Lambda runtime's own port) must never be reached through us. So a URL is
judged twice: by its text when it is written (:func:`check_url`), and by the addresses that its name has at the moment
of the connection (:func:`post`), which then goes to exactly the address that was judged. No redirect is followed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from manyclaw.errors import BadInput, Unavailable

MAX_URL_CHARACTERS = 500
MAX_ANSWER_BYTES = 1_000_000

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_INTERNAL = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "test", "invalid")
"""Last labels of names that mean something only inside a network (RFC 6761, RFC 8375, cloud providers)."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 dressed as IPv6 (RFC 6052); the other such forms are not global by themselves."""

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class PublicUrl:
    """An https URL of a host with a public name. ``host`` is lower case."""

    url: str
    host: str
    port: int
    path: str


def check_url(url: str) -> PublicUrl:
    """``url``, if its text may be that of a public https server.

    Raises
    ------
    BadInput
        It is no https URL; it names a user, an address instead of a name, a name that is internal by its ending, a
        query or a fragment (which are often secrets, and would then stand in a file).
    """
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise BadInput(f"{url[:60]!r} is not a URL: at most {MAX_URL_CHARACTERS} printable ASCII characters.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or 443
    except ValueError:
        raise BadInput(f"{url[:60]!r} is not a URL.") from None
    if parts.scheme != "https":
        raise BadInput(f"{_shown(host)} must be reached by https.")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise BadInput("The URL holds a user or a password; a secret never stands in a URL.")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise BadInput("The URL has a query or a fragment; if it holds a secret, store that as the server's token.")
    _check_name(host)
    return PublicUrl(url, host, port, parts.path or "/")


def _check_name(host: str) -> None:
    labels = host.split(".")
    if _is_address(host) or labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise BadInput(f"{_shown(host)} is an address; name the server by its public name.")
    if len(labels) < 2 or labels[-1] in _INTERNAL or len(host) > 253:
        raise BadInput(f"{_shown(host)} is not the name of a public server.")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise BadInput(f"{_shown(host)} is not the name of a server.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _shown(host: str) -> str:
    return repr(host[:80])


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet, also when it is IPv4 dressed as IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if not found.is_global or found.is_multicast or found.is_reserved:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return True


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, as the system knows them now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise Unavailable(f"There is no address for {_shown(host)}.") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def judged_address(target: PublicUrl, resolve: Resolve = resolve) -> str:
    """The address to connect to. One private address among many is enough to refuse the name.

    Raises
    ------
    BadInput
        The name leads to an address that is not public.
    Unavailable
        It leads nowhere.
    """
    addresses = resolve(target.host, target.port)
    if not addresses:
        raise Unavailable(f"There is no address for {_shown(target.host)}.")
    if not all(is_public(address) for address in addresses):
        raise BadInput(f"{_shown(target.host)} leads to an address that is not public.")
    return addresses[0]


def post(
    target: PublicUrl, body: bytes, headers: Mapping[str, str], *, seconds: float = 15.0, resolve: Resolve = resolve
) -> tuple[int, Mapping[str, str], bytes]:
    """POST to a URL that somebody else chose; gives status, headers (lower case) and at most a megabyte.

    The name is resolved once and the connection goes to that address, with the certificate checked against the name, so
    that a name which changes its address in between (DNS rebinding) leads nowhere else.

    Parameters
    ----------
    seconds
        For connecting, and then for the whole answer, however slowly a server trickles it.

    Raises
    ------
    BadInput
        The name leads to an address that is not public, or the server sends us elsewhere.
    Unavailable
        It does not answer in time.
    """
    import urllib3

    address = judged_address(target, resolve)
    late = threading.Event()

    class Connection(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            watch = threading.Timer(seconds, _cut, (self.sock, late))
            watch.daemon = True
            watches.append(watch)
            watch.start()

    watches: list[threading.Timer] = []
    pool = urllib3.HTTPSConnectionPool(
        address,
        target.port,
        server_hostname=target.host,
        assert_hostname=target.host,
        cert_reqs="CERT_REQUIRED",
        timeout=urllib3.Timeout(total=seconds),
        retries=False,
    )
    pool.ConnectionCls = Connection
    authority = target.host if target.port == 443 else f"{target.host}:{target.port}"
    try:
        answer = pool.request(
            "POST",
            target.path,
            body=body,
            headers={**headers, "Host": authority},
            redirect=False,
            preload_content=False,
        )
        data = answer.read(MAX_ANSWER_BYTES + 1)
        answer.drain_conn() if len(data) <= MAX_ANSWER_BYTES else answer.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(f"{_shown(target.host)} did not answer ({type(error).__name__}).") from None
    finally:
        for watch in watches:
            watch.cancel()
        pool.close()
    if late.is_set():
        raise Unavailable(f"{_shown(target.host)} did not answer within {seconds:g} seconds.")
    if 300 <= answer.status < 400:
        raise BadInput(f"{_shown(target.host)} sends us to another address; name that one.")
    if len(data) > MAX_ANSWER_BYTES:
        raise BadInput(f"{_shown(target.host)} answers with more than {MAX_ANSWER_BYTES} bytes.")
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}, data


def _cut(sock: socket.socket, late: threading.Event) -> None:
    """End a connection that another thread reads from."""
    late.set()
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
