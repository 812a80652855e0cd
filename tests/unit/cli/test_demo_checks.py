"""The demo's proofs can fail."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from local.demo_checks import Spent, served_by_model, strangers_words
from manyclaw.billing import Tokens
from manyclaw.tenancy.gateway import parse_gateway_config

GATEWAY = parse_gateway_config((Path(__file__).resolve().parents[3] / "local/seed/config.yaml").read_text())


def _call(bot: str, said: str, usage: dict[str, Any] | None) -> dict[str, Any]:
    request = {
        "model": "claude-haiku-4-5",
        "system": [{"type": "text", "text": f"You are the Telegram bot @{bot}."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": said}]}],
    }
    return {"n": 1, "at": 1_795_337_472.0, "request": request, "usage": usage}


def test_what_the_model_served_is_counted_for_the_bot_that_asked() -> None:
    usage = {"input_tokens": 100, "output_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 5}
    calls = [_call("a_bot", "hi", usage), _call("b_bot", "hi", usage), _call("a_bot", "refused", None)]
    served = served_by_model(calls, "a_bot", GATEWAY)
    assert served == Spent(1, Tokens(input=100, output=10, cache_read=5), Decimal("0.0001505"))


def test_what_was_spent_is_a_difference() -> None:
    before, after = Spent(1, Tokens(input=5), Decimal(1)), Spent(3, Tokens(input=9, output=2), Decimal("1.5"))
    assert after - before == Spent(2, Tokens(input=4, output=2), Decimal("0.5"))


def test_a_strangers_word_is_found() -> None:
    calls = [_call("a_bot", "my word is walrus-1", None), _call("b_bot", "my word is quartz-2", None)]
    assert strangers_words(calls, "a_bot", {"quartz-2"}) == []
    assert strangers_words(calls, "a_bot", {"walrus-1"}) == ["found 'walrus-1'"]


def test_no_request_at_all_proves_nothing() -> None:
    assert strangers_words([], "a_bot", {"quartz-2"}) == ["no model request was found for it"]
