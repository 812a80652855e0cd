"""Who opened a Mini App, as Telegram vouches for it (https://core.telegram.org/bots/webapps#validating-data).

``initData`` is a query string. Its ``hash`` is the HMAC-SHA-256 of all other fields, one ``name=value`` a line in the
order of their names, under a key that is the HMAC-SHA-256 of the bot's token under the word ``WebAppData``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from manyclaw.errors import Refused

FRESH_SECONDS = 3600
"""How old initData may be: whoever got hold of it later can do nothing with it."""

_LONGEST = 8_192
_HASH = re.compile(r"[0-9a-f]{64}")
_EARLY_SECONDS = 60
_REFUSED = "Telegram does not vouch for this."
_HINT = "Open the page anew from the bot's menu."


@dataclass(frozen=True)
class WebAppUser:
    """The person who opened the Mini App."""

    id: int
    first_name: str
    language_code: str


def verify_init_data(init_data: str, bot_token: str, now: float) -> WebAppUser:
    """The user of ``init_data``, if the bot of ``bot_token`` was given it within the last hour.

    Parameters
    ----------
    now
        Seconds since 1970.

    Raises
    ------
    Refused
        Forged, for another bot, too old, from the future, or without a user.
    """
    claimed = claimed_user(init_data, now)
    pairs = _pairs(init_data)
    given = pairs.pop("hash")
    lines = "\n".join(f"{name}={value}" for name, value in sorted(pairs.items()))
    key = hmac.new(b"WebAppData", bot_token.encode(), hashlib.sha256).digest()
    made = hmac.new(key, lines.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made.encode(), given.encode("utf-8", "surrogatepass")):
        raise Refused(_REFUSED, hint=_HINT)
    return claimed


def claimed_user(init_data: str, now: float) -> WebAppUser:
    """Whom ``init_data`` names, by its shape and age alone: nobody has vouched for it yet.

    For judging it before a bot's token is read. Raises ``Refused``.
    """
    pairs = _pairs(init_data)
    try:
        age = now - int(pairs["auth_date"])
        user = json.loads(pairs["user"])
        found = WebAppUser(int(user["id"]), str(user.get("first_name", "")), str(user.get("language_code", "")))
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Refused(_REFUSED, hint=_HINT) from None
    if not _HASH.fullmatch(pairs.get("hash", "")):
        raise Refused(_REFUSED, hint=_HINT)
    if not -_EARLY_SECONDS <= age <= FRESH_SECONDS:
        raise Refused("This page was opened too long ago.", hint=_HINT)
    return found


def _pairs(init_data: str) -> dict[str, str]:
    try:
        listed = parse_qsl(init_data, keep_blank_values=True, strict_parsing=True, max_num_fields=64)
    except ValueError:
        raise Refused(_REFUSED, hint=_HINT) from None
    pairs = dict(listed)
    if len(init_data) > _LONGEST or len(pairs) != len(listed):
        raise Refused(_REFUSED, hint=_HINT)
    return pairs
