"""The simulated model: shapes, refusals, answers, faults; spoken to through the real SDK."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import pytest
from aiohttp.test_utils import TestClient, TestServer

from local.model.app import create_app
from local.model.conversation import unwrapped

SYSTEM = "You are the bot @acme.\n\nAsk for the date first. Be brief."
TIME_TOOL = {
    "name": "current_time",
    "description": "The time in a zone.",
    "input_schema": {"type": "object", "properties": {"zone": {"type": "string"}}},
}
HEADERS = {"x-api-key": "sk-test-1234", "anthropic-version": "2023-06-01"}


@dataclass
class Sim:
    http: TestClient[Any, Any]
    sdk: anthropic.AsyncAnthropic

    async def post(self, request: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        given = HEADERS if headers is None else headers
        async with self.http.post("/v1/messages", json=request, headers=given) as response:
            assert response.headers["request-id"].startswith("req_")
            return response.status, await response.json()

    async def refusal(self, **changes: Any) -> tuple[int, str, str]:
        status, body = await self.post({**asked("hi"), **changes})
        assert body["type"] == "error"
        assert body["request_id"].startswith("req_")
        return status, body["error"]["type"], body["error"]["message"]

    async def control(self, path: str, **body: Any) -> Any:
        async with self.http.post(f"/_sim/{path}", json=body) as response:
            assert response.status == 200
            return await response.json()

    async def log(self, holding: str = "") -> Any:
        async with self.http.get("/_sim/log", params={"holding": holding}) as response:
            return await response.json()

    async def text(self, *said: str, **more: Any) -> str:
        message = await self.sdk.messages.create(**{**asked(*said), **more})
        return "".join(block.text for block in message.content if block.type == "text")


def asked(*said: str, **more: Any) -> dict[str, Any]:
    """A request whose user said these, with an answer after each but the last."""
    messages: list[dict[str, Any]] = []
    for text in said:
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}]
    return {"model": "claude-opus-4-7", "max_tokens": 1000, "messages": messages[:-1], **more}


def run(scenario: Callable[[Sim], Awaitable[None]], **options: Any) -> None:
    async def whole() -> None:
        async with TestClient(TestServer(create_app(**options))) as http:
            base = str(http.make_url("/"))
            async with anthropic.AsyncAnthropic(api_key="sk-test-1234", base_url=base, max_retries=0) as sdk:
                await scenario(Sim(http, sdk))

    asyncio.run(whole())


async def until_logged(sim: Sim) -> None:
    async with asyncio.timeout(10):
        while not (await sim.log()):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({"x-api-key": "k"}, 400, "invalid_request_error"),
    ],
)
def test_given_missing_headers_then_refused(headers: dict[str, str], status: int, kind: str) -> None:
    async def scenario(sim: Sim) -> None:
        given, body = await sim.post(asked("hi"), headers)
        assert (given, body["error"]["type"]) == (status, kind)

    run(scenario)


def use(number: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": number, "name": "current_time", "input": {}}


def result(number: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": number, "content": "12:00"}


UNANSWERED = (
    "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. "
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, 'messages: first message must use the "user" role'),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
         "messages: text content blocks must be non-empty"),
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [use("t1")]},
                       {"role": "user", "content": "b"}], "tools": [TIME_TOOL]}, UNANSWERED),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [use("t1")]},
                       {"role": "user", "content": [{"type": "text", "text": "x"}, result("t1")]}],
          "tools": [TIME_TOOL]}, UNANSWERED),
        ({"messages": [{"role": "user", "content": [result("t9")]}], "tools": [TIME_TOOL]},
         "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t9. "
         "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."),
        ({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5}]},
         "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    ],
)  # fmt: skip
def test_given_a_bad_request_then_anthropics_words(changes: dict[str, Any], message: str) -> None:
    async def scenario(sim: Sim) -> None:
        assert await sim.refusal(**changes) == (400, "invalid_request_error", message)

    run(scenario)


def test_given_a_missing_field_or_model_then_it_is_named() -> None:
    async def scenario(sim: Sim) -> None:
        request = asked("hi")
        del request["max_tokens"]
        _, body = await sim.post(request)
        assert body["error"]["message"] == "max_tokens: Field required"
        assert await sim.refusal(model="gpt-9") == (404, "not_found_error", "model: gpt-9")

    run(scenario)


def test_given_a_stream_then_the_sdk_takes_it_and_the_events_keep_anthropics_order() -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.sdk.messages.stream(**asked("Hello there"), system=SYSTEM) as stream:
            kinds = [event.type async for event in stream]
            message = await stream.get_final_message()
        assert kinds[0] == "message_start"
        assert kinds[-2:] == ["message_delta", "message_stop"]
        assert (
            kinds.index("content_block_start") < kinds.index("content_block_delta") < kinds.index("content_block_stop")
        )
        whole = await sim.sdk.messages.create(**asked("Hello there"), system=SYSTEM)
        assert [block.to_dict() for block in message.content] == [block.to_dict() for block in whole.content]
        assert (message.usage.input_tokens, message.usage.output_tokens) == (
            whole.usage.input_tokens,
            whole.usage.output_tokens,
        )
        assert whole.content[0].text == (
            "(Simulated model.) You said: “Hello there”. I am told: “Ask for the date first”."
        )
        raw = asked("Hello there", stream=True)
        async with sim.http.post("/v1/messages", json=raw, headers=HEADERS) as response:
            names = [line[7:] for line in (await response.text()).splitlines() if line.startswith("event: ")]
        assert names[:3] == ["message_start", "ping", "content_block_start"]
        log = await sim.log()
        assert [call["completed"] for call in log] == [True] * 3
        assert log[0]["usage"]["output_tokens"] == whole.usage.output_tokens
        assert log[0]["api_key_last4"] == "1234"

    run(scenario)


def test_given_a_conversation_then_the_answer_knows_it_and_nothing_else() -> None:
    async def scenario(sim: Sim) -> None:
        assert "Nice to meet you, Ann." in await sim.text("My name is Ann")
        assert "Your name is Ann." in await sim.text("My name is Ann", "What is my name?")
        assert "You have not told me your name." in await sim.text("What is my name?")
        assert "“red”; “blue”" in await sim.text("red", "blue", "What did I say?")
        wrapped = "[Sun 2026-11-22 08:00 UTC, Ann]\nWhat did I say?"
        assert "Earlier you said: “red”." in await sim.text("[Sun 2026-11-22 07:59 UTC, Ann]\nred", wrapped)
        assert "Вас зовут Борис." in await sim.text("Меня зовут Борис", "Как меня зовут?")
        assert "你叫小明。" in await sim.text("我叫小明", "我叫什么")

    run(scenario)


@pytest.mark.parametrize(
    "text",
    [
        "[2026-11-22 08:00 UTC] Ann: two: words",
        "[Sun 2026-11-22 08:00 UTC, Ann]\ntwo: words",
        "[Sun 2026-11-22 08:00 CET, Ann] [with a photo, which you cannot see]\ntwo: words",
        '<message from="Ann">two: words</message>',
        "two: words",
    ],
)
def test_given_any_wrapping_then_the_persons_words_are_found(text: str) -> None:
    assert unwrapped(text)[0] == "two: words"


@pytest.mark.parametrize("wanted", ["long 10000", "long 5000 emoji"])
def test_given_a_long_answer_then_it_has_exactly_that_many_characters(wanted: str) -> None:
    async def scenario(sim: Sim) -> None:
        text = await sim.text(wanted, max_tokens=8_000)
        assert len(text) == int(wanted.split()[1])

    run(scenario)


def test_given_max_tokens_then_the_answer_stops_there() -> None:
    async def scenario(sim: Sim) -> None:
        message = await sim.sdk.messages.create(**{**asked("long 10000"), "max_tokens": 10})
        assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 10)
        assert len(message.content[0].text) == 40

    run(scenario)


def test_given_tools_then_they_are_called_and_their_results_read_back() -> None:
    async def scenario(sim: Sim) -> None:
        question = asked("What time is it in Europe/Berlin?", tools=[TIME_TOOL])
        async with sim.sdk.messages.stream(**question) as stream:
            message = await stream.get_final_message()
        assert message.stop_reason == "tool_use"
        call = message.content[0]
        assert call.type == "tool_use"
        assert (call.name, call.input) == ("current_time", {"zone": "Europe/Berlin"})
        turn = [
            *question["messages"],
            {"role": "assistant", "content": [call.model_dump(include={"type", "id", "name", "input"})]},
            {"role": "user", "content": [result(call.id)]},
        ]
        answer = await sim.sdk.messages.create(**{**question, "messages": turn})
        assert answer.content[0].text == "(Simulated model.) current_time says: 12:00"
        several = 'use tool current_time {"zone": "UTC"}\nuse tool current_time {"zone": "Asia/Tokyo"}'
        both = await sim.sdk.messages.create(**asked(several, tools=[TIME_TOOL]))
        assert [block.input["zone"] for block in both.content] == ["UTC", "Asia/Tokyo"]
        assert "You said" in await sim.text(several)

    run(scenario)


def test_given_faults_then_calls_are_refused_and_cost_nothing() -> None:
    async def scenario(sim: Sim) -> None:
        await sim.control("faults", times=1, status=529)
        await sim.control("faults", times=1, status=429, retry_after=3)
        with pytest.raises(anthropic.APIStatusError) as overloaded:
            await sim.sdk.messages.create(**asked("hi"))
        assert overloaded.value.status_code == 529
        with pytest.raises(anthropic.RateLimitError) as limited:
            await sim.sdk.messages.create(**asked("hi"))
        assert limited.value.response.headers["retry-after"] == "3"
        assert await sim.text("hi")
        assert [(call["status"], call["usage"] is None) for call in await sim.log()] == [
            (529, True),
            (429, True),
            (200, False),
        ]

    run(scenario)


def test_given_a_drop_in_mid_stream_then_the_client_sees_it_and_the_log_says_so() -> None:
    async def scenario(sim: Sim) -> None:
        await sim.control("faults", drop_after_events=4)

        async def whole() -> None:
            async with sim.sdk.messages.stream(**asked("long 400")) as stream:
                await stream.get_final_message()

        with pytest.raises(Exception):  # noqa: B017 (which one is the SDK's affair; an answer it must not be)
            await whole()
        (call,) = await sim.log("long 400")
        assert await sim.log("short 400") == []
        assert (call["status"], call["completed"]) == (200, False)
        assert call["usage"]["output_tokens"] == 100

    run(scenario)


def test_given_a_held_call_then_it_is_answered_after_the_release() -> None:
    async def scenario(sim: Sim) -> None:
        await sim.control("faults", hold=True)
        call = asyncio.ensure_future(sim.text("hi"))
        await until_logged(sim)
        assert not call.done()
        await sim.control("release")
        assert "hi" in await call

    run(scenario)


def test_given_a_client_that_leaves_a_held_call_then_nothing_is_served_or_billed() -> None:
    async def scenario(sim: Sim) -> None:
        await sim.control("faults", hold=True)
        call = asyncio.ensure_future(sim.text("hi"))
        await until_logged(sim)
        call.cancel()
        await asyncio.wait([call])

        async with asyncio.timeout(10):
            while (await sim.log())[0]["status"] is None:
                await asyncio.sleep(0.005)
        (left,) = await sim.log()
        assert (left["status"], left["usage"], left["completed"]) == (0, None, False)

    run(scenario)


def test_given_no_tokens_to_answer_with_then_the_cache_is_warmed_and_nothing_said() -> None:
    async def scenario(sim: Sim) -> None:
        warm = {**asked("x" * 400), "max_tokens": 0, "cache_control": {"type": "ephemeral"}}
        status, body = await sim.post(warm)
        assert (status, body["content"], body["stop_reason"]) == (200, [], "max_tokens")
        assert (body["usage"]["cache_creation_input_tokens"], body["usage"]["output_tokens"]) == (100, 0)
        again = await sim.sdk.messages.create(**{**warm, "max_tokens": 100})
        assert (again.usage.cache_read_input_tokens, again.usage.input_tokens) == (100, 0)

    run(scenario, min_cache_tokens=0)


def test_given_models_and_counting_then_both_answer() -> None:
    async def scenario(sim: Sim) -> None:
        counted = await sim.sdk.messages.count_tokens(model="claude-opus-4-7", messages=asked("12345678")["messages"])
        assert counted.input_tokens == 2
        assert [model.id async for model in sim.sdk.models.list()]
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 25 tokens > 20 maximum"):
            await sim.text("x" * 100)

    run(scenario, context_window=20)
