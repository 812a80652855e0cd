"""Requests that a test holds stand for a crash at the worst moment."""

from __future__ import annotations

import asyncio
from typing import Any

from local.aws.requests import Gate, Hold, Response


async def held_once(gate: Gate, order: Hold, *, drop: bool) -> tuple[list[str], Response]:
    """Send one matching request, wait until it is held, release it; what the service did and what was answered."""
    done: list[str] = []

    async def service(method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
        done.append(body.decode())
        return 200, {}, b"ok"

    gate.hold(order)
    sending = asyncio.ensure_future(gate.wrap("sqs", service)("POST", "/", {}, b"the body", {}))
    while gate.held == 0:
        await asyncio.sleep(0)
    before_release = list(done)
    gate.release(drop=drop)
    answer = await sending
    assert gate.held == 0
    assert len(before_release) == (1 if order.after else 0)
    return done, answer


def test_held_before_it_happens_later_or_never() -> None:
    order = Hold("sqs", "POST", b"body", after=False, times=1)
    done, answer = asyncio.run(held_once(Gate(), order, drop=False))
    assert (done, answer[0]) == (["the body"], 200)

    order = Hold("sqs", "POST", b"body", after=False, times=1)
    done, answer = asyncio.run(held_once(Gate(), order, drop=True))
    assert (done, answer[0]) == ([], 503)


def test_held_after_it_has_happened_whatever_the_caller_is_told() -> None:
    order = Hold("sqs", "POST", b"", after=True, times=1)
    done, answer = asyncio.run(held_once(Gate(), order, drop=True))
    assert (done, answer[0]) == (["the body"], 503)


def test_other_requests_pass_and_all_are_counted() -> None:
    async def scene() -> Gate:
        gate = Gate()

        async def service(*_: Any) -> Response:
            return 200, {}, b""

        gate.hold(Hold("sqs", "POST", b"other", after=False, times=1))
        await gate.wrap("sqs", service)("POST", "/", {}, b"body", {})
        await gate.wrap("s3", service)("GET", "/", {}, b"other", {})
        gate.release()
        return gate

    assert dict(asyncio.run(scene()).counts) == {"sqs.POST": 1, "s3.GET": 1}
