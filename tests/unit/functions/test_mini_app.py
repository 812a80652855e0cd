"""The Mini App's door: what is judged before a bot's token is read, and how often a place may fail."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from functions.api.dashboard import mini_app
from manyclaw.errors import NotFound, Refused, Unavailable

TOKEN = "123456:" + "a" * 35
OWNER = 4711


def _signed(token: str = TOKEN, age: float = 0, user: Any = OWNER) -> str:
    fields = {"auth_date": str(int(time.time() - age)), "user": json.dumps({"id": user})}
    lines = "\n".join(f"{name}={value}" for name, value in sorted(fields.items()))
    key = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    return urlencode(fields | {"hash": hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked for, in order; there is one tenant, acme."""
    told: list[str] = []

    def get(tenant: str) -> Any:
        told.append("registry")
        if tenant != "acme":
            raise NotFound("There is none.")
        return SimpleNamespace(tenant=tenant)

    def secret(*_: object) -> str:
        told.append("ssm")
        return TOKEN

    here = SimpleNamespace(registry=SimpleNamespace(get=get), scope=lambda tenant: tenant)
    monkeypatch.setattr(mini_app, "runtime", lambda: here)
    monkeypatch.setattr(mini_app, "get_secret", secret)
    monkeypatch.setattr(mini_app, "owners", lambda tenant: (OWNER,))
    return told


def test_an_owner_comes_in(asked: list[str]) -> None:
    assert mini_app._owner("acme", _signed()) == ("acme", OWNER)
    assert asked == ["registry", "ssm"]


@pytest.mark.parametrize(
    "init_data",
    ["", "x", "auth_date=1&user=2&hash=3", _signed(age=9_000), _signed(age=-900), _signed(user="x"), _signed()[:-1]],
)
def test_what_has_not_the_shape_or_is_too_old_reads_nothing(asked: list[str], init_data: str) -> None:
    with pytest.raises(Refused):
        mini_app._owner("acme", init_data)
    assert asked == []


def test_an_unknown_tenant_reads_no_secret_and_is_refused_as_a_forgery_is(asked: list[str]) -> None:
    with pytest.raises(Refused) as unknown:
        mini_app._owner("globex", _signed())
    assert asked == ["registry"]
    with pytest.raises(Refused) as forged:
        mini_app._owner("acme", _signed("654321:" + "b" * 35))
    assert (unknown.value.message, unknown.value.hint) == (forged.value.message, forged.value.hint)


def test_what_is_busy_is_no_refusal(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> str:
        raise Unavailable("SSM is busy.")

    monkeypatch.setattr(mini_app, "get_secret", busy)
    with pytest.raises(Unavailable):
        mini_app._owner("acme", _signed())
