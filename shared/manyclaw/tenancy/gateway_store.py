"""Where the gateway's ``config.yaml`` lies, and how a process keeps it fresh: one conditional GET a minute."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from threading import Lock

from manyclaw.audit import OPERATOR, Inbox, digest, intent
from manyclaw.aws import Clients
from manyclaw.errors import Misconfigured, Unavailable
from manyclaw.settings import Settings
from manyclaw.tenancy.documents import InvalidDocument
from manyclaw.tenancy.gateway import GATEWAY_CONFIG_KEY, GatewayConfig, parse_gateway_config
from manyclaw.tenancy.objects import StoredText, Unchanged, read_text, write_text

FRESH_SECONDS = 60.0
"""How long a change of the operator's file takes to reach a running function, at most."""

_log = logging.getLogger(__name__)


@dataclass
class _Held:
    config: GatewayConfig
    etag: str
    looked_at: float


_held: dict[str, _Held] = {}
_lock = Lock()


def load_gateway_config(clients: Clients, settings: Settings) -> GatewayConfig:
    """The operator's configuration, at most :data:`FRESH_SECONDS` old.

    The same object is given until the file changes. A broken or unreachable new file leaves the one that this process
    last read in force, with a warning in the log.

    Raises
    ------
    Misconfigured
        This process has never read a good one: the file is missing, not readable, or broken (with the lines).
    """
    with _lock:
        held = _held.get(settings.bucket)
        if held and time.monotonic() - held.looked_at < FRESH_SECONDS:
            return held.config
        try:
            stored = read_gateway_config(clients, settings, known_etag=held.etag if held else "")
            held = _Held(parse_gateway_config(stored.data), stored.etag, time.monotonic())
            _held[settings.bucket] = held
        except Unchanged:
            assert held is not None
            held.looked_at = time.monotonic()
        except (InvalidDocument, Misconfigured, Unavailable) as error:
            if held is None:
                raise _never_good(error) from None
            _log.warning("the gateway's config.yaml is not usable, the last good one stays in force: %s", error)
            held.looked_at = time.monotonic()
        return held.config


def _never_good(error: InvalidDocument | Misconfigured | Unavailable) -> Exception:
    if isinstance(error, InvalidDocument):
        return Misconfigured(str(error), hint="Correct it and put it there with `manyclaw stack config set FILE`.")
    return error


def read_gateway_config(clients: Clients, settings: Settings, *, known_etag: str = "") -> StoredText:
    """The file as it is.

    Raises
    ------
    Misconfigured
        It is missing, or may not be read.
    Unchanged
        It still has ``known_etag``.
    """
    from botocore.exceptions import ClientError

    try:
        stored = read_text(clients.s3, settings.bucket, GATEWAY_CONFIG_KEY, known_etag=known_etag)
    except ClientError as error:
        raise Misconfigured(
            f"The gateway's config.yaml cannot be read from bucket {settings.bucket} "
            f"({error.response['Error'].get('Code')}).",
            hint="Put one there with `manyclaw stack config set FILE`; local/seed/config.yaml is a good start.",
        ) from None
    if stored is None:
        raise Misconfigured(
            f"There is no config.yaml in bucket {settings.bucket}.",
            hint="Put one there with `manyclaw stack config set FILE`; local/seed/config.yaml is a good start.",
        )
    return stored


def save_gateway_config(clients: Clients, settings: Settings, text: str, *, etag: str) -> str:
    """Check ``text`` and write it if the file still has ``etag`` ("" = if there is none); gives the new ETag.

    Raises
    ------
    InvalidDocument
        With the line of each problem.
    Conflict
        Somebody else has written it meanwhile.
    """
    parse_gateway_config(text)
    log = Inbox(OPERATOR, settings.table, clients)
    with intent(log, "gateway.change", on=GATEWAY_CONFIG_KEY, sha256=digest(text), bytes=len(text.encode())):
        return write_text(clients.s3, settings.bucket, GATEWAY_CONFIG_KEY, text, etag=etag)
