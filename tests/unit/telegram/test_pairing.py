"""What can be said of a pairing without a network."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal

import pytest

from manyclaw.errors import BadInput
from manyclaw.telegram import Bot, Pairing, Relayed, is_public, pairing_of, webhook_address
from manyclaw.telegram.pairing_status import compare

URL = "https://bots.example.com/telegram/acme"
PAIRING = Pairing(7_000_000_001, "acme_bot", "Acme", "", URL, "v1", "2026-11-22T08:00:00.000Z")
TOKEN = "7000000001:AAbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"


@pytest.mark.parametrize(
    "url", ["https://bots.example.com", "https://abc.execute-api.eu-central-1.amazonaws.com/x", "https://8.8.8.8"]
)
def test_addresses_that_telegram_can_reach(url: str) -> None:
    assert is_public(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://bots.example.com",
        "https://localhost",
        "https://127.0.0.1:8443",
        "https://10.0.0.4",
        "https://192.168.1.2",
        "https://[::1]",
        "https://laptop.local",
        "https://laptop",
        "ftp://x.y",
        "",
    ],
)
def test_addresses_that_it_cannot(url: str) -> None:
    assert not is_public(url)


def test_the_webhooks_address() -> None:
    assert webhook_address("https://bots.example.com/", "acme") == URL


def test_a_row_becomes_its_pairing_again() -> None:
    row = {"pk": "acme", "sk": "PAIRING#telegram", **asdict(PAIRING), "bot_id": Decimal(PAIRING.bot_id)}
    assert pairing_of(row) == PAIRING


def test_tokens_and_secrets_show_in_no_repr() -> None:
    relayed = Relayed("acme", Bot("https://api.telegram.org", TOKEN), "the-secret", "v1")
    assert TOKEN not in repr(relayed)
    assert "the-secret" not in repr(relayed)


@pytest.mark.parametrize("token", ["", "abc", "123:abc", f"{TOKEN} ", f"{TOKEN}/../x", f"{TOKEN}\n"])
def test_what_is_no_token_is_refused_without_being_repeated(token: str) -> None:
    with pytest.raises(BadInput) as caught:
        Bot("https://api.telegram.org", token)
    assert not token.strip() or token.strip() not in str(caught.value)


def test_telegram_and_we_agree() -> None:
    assert compare(PAIRING, {"url": URL, "pending_update_count": 0}) == []
    assert compare(replace(PAIRING, webhook_url=""), {"url": "", "pending_update_count": 3}) == []


@pytest.mark.parametrize(
    ("pairing", "info", "said"),
    [
        (PAIRING, {"url": ""}, "has no webhook"),
        (PAIRING, {"url": "https://else.example.com"}, "posts to https://else.example.com, not to"),
        (replace(PAIRING, webhook_url=""), {"url": URL}, "the relay gets nothing"),
    ],
)
def test_a_difference_is_told_with_what_to_do(pairing: Pairing, info: dict[str, object], said: str) -> None:
    (problem,) = compare(pairing, info)
    assert said in problem
    assert "Pair it again" in problem


def test_a_failed_delivery_is_told_while_updates_wait() -> None:
    info = {
        "url": URL,
        "pending_update_count": 2,
        "last_error_date": 1_795_337_472,
        "last_error_message": "Wrong response from the webhook: 401 Unauthorized",
    }
    (problem,) = compare(PAIRING, info)
    assert "401 Unauthorized" in problem
    assert "Pair it again" in problem
    assert compare(PAIRING, {**info, "pending_update_count": 0}) == []
