"""API tokens: shown once, found by their hash, ended at once; and guessing them is slowed down."""

from __future__ import annotations

import time

import pytest

from manyclaw.access import Gate, Scope, Tokens, WebSessions, csrf_token
from manyclaw.access.throttle import MOST_FAILURES, WINDOW_SECONDS
from manyclaw.access.tokens import MOST_TOKENS
from manyclaw.errors import BadInput, Forbidden, NotFound, Refused, Throttled
from manyclaw.logs import redact
from manyclaw.tenancy import TenantId
from tests.unit.access.fakes import Clock, MemoryTable

HOME, ELSEWHERE = "203.0.113.7", "198.51.100.1"


class Desk:
    """The operator's desk and the gate, over two partitions in memory."""

    def __init__(self) -> None:
        self.gateway, self.access = MemoryTable(), MemoryTable()
        self.tokens = Tokens(self.gateway, self.access)
        self.clock = Clock(time.time() // WINDOW_SECONDS * WINDOW_SECONDS)
        self.gate = Gate(self.gateway, self.access, self.clock)
        self.sessions = WebSessions(self.access, self.clock)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_token_is_known_by_its_hash_alone(desk: Desk) -> None:
    secret, token = desk.tokens.create("acme", ["usage:read"], "their dashboard")
    assert secret.startswith("tk_acme_")
    assert len(secret) == len("tk_acme_") + 32
    assert secret[8:] not in repr((desk.gateway.rows, token))
    assert redact(f"token {secret}") == "token [redacted]"


def test_the_gate_knows_whose_token_it_is(desk: Desk) -> None:
    secret, _ = desk.tokens.create("acme", ["usage:read", "audit:read"])
    who = desk.gate.identify(secret, HOME)
    assert who.tenant == "acme"
    assert who.scopes == {Scope.USAGE_READ, Scope.AUDIT_READ}
    assert who.may_see("acme")
    assert not who.may_see("globex")
    with pytest.raises(Forbidden, match="config:write"):
        who.need(Scope.CONFIG_WRITE)


def test_an_operators_token_has_every_scope_for_every_tenant(desk: Desk) -> None:
    secret, _ = desk.tokens.create(None, [])
    who = desk.gate.identify(secret, HOME)
    assert who.is_operator
    assert who.may_see("anyone")
    for scope in Scope:
        who.need(scope)
    assert redact(secret) == "[redacted]"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "x",
        "tk_acme_",
        "tk_acme_" + "0" * 32,
        "op_" + "0" * 32,
        "tk_acme_" + "A" * 32,
        "tk_../_" + "0" * 32,
        "Bearer",
    ],
)
def test_what_is_no_token_is_refused_alike(desk: Desk, wrong: str) -> None:
    with pytest.raises(Refused) as caught:
        desk.gate.identify(wrong, HOME)
    assert caught.value.message == "This API token is not valid."


def test_another_tenants_name_on_a_real_secret_is_refused(desk: Desk) -> None:
    secret, _ = desk.tokens.create("acme", ["usage:read"])
    with pytest.raises(Refused):
        desk.gate.identify(secret.replace("acme", "globex"), HOME)


def test_a_revoked_token_is_refused_at_once_with_the_sessions_that_it_opened(desk: Desk) -> None:
    secret, token = desk.tokens.create("acme", ["usage:read"])
    who = desk.gate.identify(secret, HOME)
    desk.tokens.revoke("acme", token.id)
    assert not desk.gate.still_good(who.token_sha256)
    with pytest.raises(Refused):
        desk.gate.identify(secret, HOME)
    assert desk.tokens.of("acme") == []
    with pytest.raises(NotFound):
        desk.tokens.revoke("acme", token.id)


def test_nobody_revokes_anothers_token(desk: Desk) -> None:
    _, token = desk.tokens.create("acme", ["usage:read"])
    with pytest.raises(NotFound):
        desk.tokens.revoke("globex", token.id)
    with pytest.raises(NotFound):
        desk.tokens.revoke(None, token.id)


def test_a_token_expires_by_itself(desk: Desk) -> None:
    secret, _ = desk.tokens.create("acme", ["usage:read"], lifetime=3600)
    desk.gate.identify(secret, HOME)
    desk.clock.now += 3_700
    with pytest.raises(Refused):
        desk.gate.identify(secret, HOME)


def test_rotating_gives_a_token_with_the_same_rights_and_lets_the_old_one_end(desk: Desk) -> None:
    old, token = desk.tokens.create("acme", ["config:write"], "ci", lifetime=30 * 86_400)
    new, made = desk.tokens.rotate("acme", token.id, grace=3_600)
    assert (made.scopes, made.name) == (token.scopes, "ci")
    assert made.expires_at is not None
    assert token.expires_at is not None
    assert abs(made.expires_at - token.expires_at) < 5
    assert desk.gate.identify(old, HOME).tenant == desk.gate.identify(new, HOME).tenant
    desk.clock.now += 3_700
    desk.gate.identify(new, HOME)
    with pytest.raises(Refused):
        desk.gate.identify(old, HOME)


def test_rotating_without_grace_ends_the_old_one(desk: Desk) -> None:
    old, token = desk.tokens.create(None, [], "op")
    desk.tokens.rotate(None, token.id)
    with pytest.raises(Refused):
        desk.gate.identify(old, HOME)


def test_the_last_use_is_written_once_an_hour(desk: Desk) -> None:
    secret, _ = desk.tokens.create("acme", ["usage:read"])
    desk.gate.identify(secret, HOME)
    (first,) = desk.tokens.of("acme")
    before = desk.access.requests
    desk.clock.now += 600
    desk.gate.identify(secret, HOME)
    assert desk.access.requests == before + 1, "a read and no write"
    desk.clock.now += 3_100
    desk.gate.identify(secret, HOME)
    (second,) = desk.tokens.of("acme")
    assert first.last_used < second.last_used


def test_tokens_are_limited_and_their_names_and_scopes_checked(desk: Desk) -> None:
    for scopes, name in ((["usage:write"], ""), ([], ""), (["usage:read"], "two\nlines")):
        with pytest.raises(BadInput):
            desk.tokens.create("acme", scopes, name)
    for _ in range(MOST_TOKENS):
        desk.tokens.create("acme", ["usage:read"])
    with pytest.raises(BadInput, match="tokens already"):
        desk.tokens.create("acme", ["usage:read"])
    assert desk.tokens.revoke_all("acme") == MOST_TOKENS
    assert desk.gateway.rows == {}


def _fail(desk: Desk, tenant: str, place: str) -> None:
    for _ in range(MOST_FAILURES):
        with pytest.raises(Refused):
            desk.gate.identify(f"tk_{tenant}_" + "0" * 32, place)


def test_after_ten_failures_even_a_right_guess_is_refused_until_the_minute_is_over(desk: Desk) -> None:
    secret, _ = desk.tokens.create("acme", ["usage:read"])
    _fail(desk, "acme", HOME)
    with pytest.raises(Throttled) as caught:
        desk.gate.identify(secret, HOME)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= WINDOW_SECONDS
    desk.clock.now += WINDOW_SECONDS
    assert desk.gate.identify(secret, HOME).tenant == "acme"


def test_failing_shuts_nobody_else_out(desk: Desk) -> None:
    acme, _ = desk.tokens.create("acme", ["usage:read"])
    globex, _ = desk.tokens.create("globex", ["usage:read"])
    known, _ = desk.tokens.create("acme", ["usage:read"])
    desk.gate.identify(known, HOME)
    _fail(desk, "acme", HOME)
    assert desk.gate.identify(globex, HOME).tenant == "globex", "another tenant from the same address"
    assert desk.gate.identify(acme, ELSEWHERE).tenant == "acme", "the same tenant from another address"
    assert desk.gate.identify(known, HOME).tenant == "acme", "a token that was used from there before"


def test_failed_tries_are_forgotten(desk: Desk) -> None:
    _fail(desk, "acme", HOME)
    (row,) = (row for sk, row in desk.access.rows.items() if sk.startswith("FAILED#"))
    assert 0 < row["expires_at"] - desk.clock.now <= 2 * WINDOW_SECONDS
    assert HOME not in repr(desk.access.rows)


def test_a_session_is_found_by_its_cookie_until_it_ends(desk: Desk) -> None:
    secret, _ = desk.tokens.create("acme", ["usage:read"], lifetime=600)
    cookie, _ = desk.sessions.open_for_token(desk.gate.identify(secret, HOME))
    found = desk.sessions.find(cookie)
    assert found is not None
    assert (found.tenant, found.telegram_user) == ("acme", None)
    assert cookie not in repr(desk.access.rows)
    assert desk.sessions.find("0" * 64) is None
    assert desk.sessions.find("not a cookie") is None
    desk.clock.now += 700
    assert desk.sessions.find(cookie) is None, "it ends with the token's life"


def test_signing_out_ends_the_session_itself(desk: Desk) -> None:
    cookie, _ = desk.sessions.open_for_telegram(TenantId("acme"), 4711, "dark")
    found = desk.sessions.find(cookie)
    assert found is not None
    assert (found.telegram_user, found.theme) == (4711, "dark")
    desk.sessions.close(cookie)
    desk.sessions.close(cookie)
    assert desk.sessions.find(cookie) is None


def test_each_session_has_a_form_token_of_its_own(desk: Desk) -> None:
    one, _ = desk.sessions.open_for_telegram(TenantId("acme"), 1)
    two, _ = desk.sessions.open_for_telegram(TenantId("acme"), 1)
    assert csrf_token(one) == csrf_token(one) != csrf_token(two)
    assert one not in csrf_token(one)
