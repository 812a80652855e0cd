"""Who opened a Mini App: only what the bot's own Telegram vouches for, and only for an hour."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manyclaw.errors import Refused
from manyclaw.telegram import verify_init_data

TOKEN = "7000000001:AAbbccddeeffgghhiijjkkllmmnnooppqqr"
NOW = 1_795_000_000.0


def sign(fields: dict[str, str], token: str = TOKEN) -> str:
    """As Telegram makes it: https://core.telegram.org/bots/webapps#validating-data."""
    lines = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    key = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    return urlencode({**fields, "hash": hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()})


def fields(**changes: str) -> dict[str, str]:
    user = json.dumps({"id": 4711, "first_name": "Zoë & Co", "language_code": "de"})
    return {"auth_date": str(int(NOW) - 5), "query_id": "AAH", "signature": "x_y", "user": user, **changes}


def test_the_owner_is_who_telegram_says() -> None:
    user = verify_init_data(sign(fields()), TOKEN, NOW)
    assert (user.id, user.first_name, user.language_code) == (4711, "Zoë & Co", "de")


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "hash=",
        "user=x",
        sign(fields(), "7000000002:" + "B" * 35),
        sign(fields()).replace("4711", "4712"),
        sign(fields()) + "&extra=1",
        sign(fields()) + "&user=%7B%22id%22%3A1%7D",
        sign(fields()).replace("hash=", "hash=0"),
        sign(fields(auth_date=str(int(NOW) - 3_601))),
        sign(fields(auth_date=str(int(NOW) + 3_600))),
        sign(fields(auth_date="now")),
        sign(fields(user="[]")),
        sign(fields(user='{"id": "me"}')),
        sign({"auth_date": str(int(NOW))}),
        sign(fields(start_param="x" * 9_000)),
    ],
)
def test_anything_else_is_refused(forged: str) -> None:
    with pytest.raises(Refused):
        verify_init_data(forged, TOKEN, NOW)


@given(st.text(max_size=300))
def test_no_text_at_all_gets_in_or_ends_otherwise(text: str) -> None:
    with pytest.raises(Refused):
        verify_init_data(text, TOKEN, NOW)
