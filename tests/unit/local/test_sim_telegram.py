"""The simulated Bot API: limits, error texts, chats, faults."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from local.telegram.app import create_app
from local.telegram.text import outgoing, typed_entities
from manyclaw.telegram import verify_init_data

ANN = 1001


@dataclass
class Sim:
    """A running simulator with one bot that Ann has greeted."""

    http: TestClient[Any, Any]
    token: str = ""

    async def call(self, method: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
        async with self.http.post(f"/bot{self.token}/{method}", json=arguments) as response:
            return response.status, await response.json()

    async def refusal(self, method: str, **arguments: Any) -> tuple[int, str]:
        status, body = await self.call(method, **arguments)
        assert body["ok"] is False
        assert body["error_code"] == status
        return status, body["description"]

    async def control(self, path: str, /, **body: Any) -> Any:
        async with self.http.post(f"/_sim/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def look(self, path: str) -> Any:
        async with self.http.get(path) as response:
            return await response.json()

    async def say(self, text: str, chat_id: int = ANN, **more: Any) -> dict[str, int]:
        sender = {"id": ANN, "first_name": "Ann"}
        said: dict[str, int] = await self.control(
            f"chats/{chat_id}/messages", bot="acme_bot", text=text, **{"from": sender, **more}
        )
        return said


@asynccontextmanager
async def simulator(state: Path, **options: Any) -> AsyncIterator[Sim]:
    async with TestClient(TestServer(create_app(state, **options))) as http:
        sim = Sim(http)
        sim.token = (await sim.control("bots", username="acme_bot", name="Acme"))["token"]
        await sim.say("/start")
        yield sim


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Poll until the condition gives something true."""
    async with asyncio.timeout(10):
        while not (value := await condition()):
            await asyncio.sleep(0.005)
    return value


def run(state: Path, scenario: Callable[[Sim], Awaitable[None]], **options: Any) -> None:
    async def whole() -> None:
        async with simulator(state, **options) as sim:
            await scenario(sim)

    asyncio.run(whole())


def test_given_a_made_bot_when_it_asks_who_it_is_then_it_is_a_telegram_bot(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        status, body = await sim.call("getMe")
        assert status == 200
        assert body["result"]["username"] == "acme_bot"
        assert body["result"]["is_bot"] is True
        number, _, secret = sim.token.partition(":")
        assert (len(number), len(secret)) == (10, 35)
        again = await sim.control("bots", username="Acme_Bot", name="Acme")
        assert again["token"] == sim.token

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("token", "status", "description"),
    [("123:wrong", 401, "Unauthorized"), ("nonsense", 404, "Not Found")],
)
def test_given_a_wrong_token_then_telegram_refuses(tmp_path: Path, token: str, status: int, description: str) -> None:
    async def scenario(sim: Sim) -> None:
        sim.token = token
        assert await sim.refusal("getMe") == (status, description)

    run(tmp_path, scenario)


def test_given_an_unknown_method_then_it_is_not_found(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        assert await sim.refusal("sendTelepathy") == (404, "Not Found: method not found")

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("arguments", "description"),
    [
        ({"text": "hi"}, "chat_id is empty"),
        ({"chat_id": 99, "text": "hi"}, "chat not found"),
        ({"chat_id": ANN, "text": ""}, "message text is empty"),
        ({"chat_id": ANN, "text": " \n "}, "text must be non-empty"),
        ({"chat_id": ANN, "text": "a" * 4097}, "message is too long"),
        ({"chat_id": ANN, "text": "😀" * 2049}, "message is too long"),
        ({"chat_id": ANN, "text": "hi", "parse_mode": None}, "unsupported parse_mode"),
        ({"chat_id": ANN, "text": "<q>", "parse_mode": "HTML"},
         'can\'t parse entities: Unsupported start tag "q" at byte offset 0'),
        ({"chat_id": ANN, "text": "hi", "reply_parameters": {"message_id": 77}}, "message to be replied not found"),
        ({"chat_id": ANN, "text": "hi", "message_thread_id": 5}, "message thread not found"),
        (
            {"chat_id": ANN, "text": "hi", "entities": [{"type": "bold", "offset": 1, "length": 5}]},
            "entity beginning at UTF-16 offset 1 ends after the end of the text at UTF-16 offset 6",
        ),
        (
            {"chat_id": ANN, "text": "😀", "entities": [{"type": "bold", "offset": 1, "length": 1}]},
            "entity begins in a middle of a UTF-16 symbol at byte offset 4",
        ),
    ],
)  # fmt: skip
def test_given_a_bad_message_then_telegrams_own_words(
    tmp_path: Path, arguments: dict[str, Any], description: str
) -> None:
    async def scenario(sim: Sim) -> None:
        assert await sim.refusal("sendMessage", **arguments) == (400, f"Bad Request: {description}")

    run(tmp_path, scenario)


def test_given_texts_at_the_limit_then_they_are_taken_whole(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        for text in ("a" * 4096, "😀" * 2048):
            status, body = await sim.call("sendMessage", chat_id=ANN, text=text)
            assert status == 200
            assert body["result"]["text"] == text

    run(tmp_path, scenario)


def test_given_white_space_around_a_text_then_it_is_cut_and_entities_move_along() -> None:
    text, entities = outgoing("\n 😀 bold \n", [{"type": "bold", "offset": 5, "length": 6}])
    assert text == "😀 bold"
    assert entities == [{"type": "bold", "offset": 3, "length": 4}]


def test_given_a_persons_text_then_commands_and_mentions_are_marked_in_utf16() -> None:
    assert typed_entities("😀 /start@acme_bot and @ann, see https://e.org/x.") == [
        {"type": "bot_command", "offset": 3, "length": 15},
        {"type": "mention", "offset": 23, "length": 4},
        {"type": "url", "offset": 33, "length": 15},
    ]


def test_given_every_way_of_sending_arguments_then_all_are_understood(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        path = f"/bot{sim.token}/sendmessage"
        multipart = FormData({"chat_id": str(ANN), "text": "multipart"}, default_to_multipart=True)
        async with sim.http.get(path, params={"chat_id": ANN, "text": "query"}) as response:
            assert response.status == 200
        for body in ({"chat_id": str(ANN), "text": "form"}, multipart):
            async with sim.http.post(path, data=body) as response:
                assert response.status == 200
        seen = await sim.look(f"/_sim/chats/{ANN}/messages?bot=acme_bot")
        assert [message["text"] for message in seen["messages"]] == ["/start", "query", "form", "multipart"]
        assert [message["from_bot"] for message in seen["messages"]] == [False, True, True, True]

    run(tmp_path, scenario)


def test_given_a_person_who_blocked_the_bot_then_403_until_unblocked(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.control("block", bot="acme_bot", chat_id=ANN, blocked=True)
        blocked = (403, "Forbidden: bot was blocked by the user")
        assert await sim.refusal("sendMessage", chat_id=ANN, text="hi") == blocked
        await sim.control("block", bot="acme_bot", chat_id=ANN, blocked=False)
        assert (await sim.call("sendMessage", chat_id=ANN, text="hi"))[0] == 200
        kinds = [set(update) - {"update_id"} for update in (await sim.call("getUpdates"))[1]["result"]]
        assert kinds == [{"message"}, {"my_chat_member"}, {"my_chat_member"}]

    run(tmp_path, scenario)


def test_given_a_forum_topic_then_messages_carry_its_thread(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.say("in a topic", -1001234, thread_id=9)
        await sim.say("in General", -1001234, thread_id=1)
        topic, general = (await sim.call("getUpdates"))[1]["result"][-2:]
        assert topic["message"]["message_thread_id"] == 9
        assert topic["message"]["chat"]["is_forum"] is True
        assert "message_thread_id" not in general["message"]
        refused = await sim.refusal("sendMessage", chat_id=-1001234, text="x", message_thread_id=1)
        assert refused == (400, "Bad Request: message thread not found")
        status, body = await sim.call("sendMessage", chat_id=-1001234, text="x", message_thread_id=9)
        assert (status, body["result"]["message_thread_id"]) == (200, 9)

    run(tmp_path, scenario)


def test_given_an_edit_without_change_then_not_modified_and_a_real_one_shows(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        _, sent = await sim.call("sendMessage", chat_id=ANN, text="one")
        number = sent["result"]["message_id"]
        status, text = await sim.refusal("editMessageText", chat_id=ANN, message_id=number, text="one")
        assert status == 400
        assert text.startswith("Bad Request: message is not modified: ")
        assert (await sim.call("editMessageText", chat_id=ANN, message_id=number, text="two"))[0] == 200
        assert (await sim.call("deleteMessage", chat_id=ANN, message_id=1))[0] == 200
        missing = (400, "Bad Request: message to delete not found")
        assert await sim.refusal("deleteMessage", chat_id=ANN, message_id=1) == missing
        seen = await sim.look(f"/_sim/chats/{ANN}/messages?bot=acme_bot")
        assert [message["text"] for message in seen["messages"]] == ["two"]

    run(tmp_path, scenario)


def test_given_commands_then_they_are_kept_by_scope_and_bad_ones_refused(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        commands = [{"command": "start", "description": "Begin"}]
        assert (await sim.call("setMyCommands", commands=commands))[0] == 200
        assert (await sim.call("getMyCommands"))[1]["result"] == commands
        assert (await sim.call("getMyCommands", language_code="ru"))[1]["result"] == []
        refused = await sim.refusal("setMyCommands", commands=[{"command": "Bad!", "description": "x"}])
        assert refused == (400, "Bad Request: BOT_COMMAND_INVALID")

    run(tmp_path, scenario)


def test_given_a_file_that_a_person_sent_then_only_its_bot_downloads_it(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        other = await sim.control("bots", username="other_bot", name="Other")
        kept = await sim.control("files", bot="acme_bot", path="photos/1.jpg", content_base64="aGVsbG8=")
        _, body = await sim.call("getFile", file_id=kept["file_id"])
        assert body["result"]["file_size"] == 5
        path = body["result"]["file_path"]
        async with sim.http.get(f"/file/bot{sim.token}/{path}") as response:
            assert await response.read() == b"hello"
        async with sim.http.get(f"/file/bot{other['token']}/{path}") as response:
            assert response.status == 404

    run(tmp_path, scenario)


def test_given_faults_then_calls_fail_as_told_and_are_logged(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.control("faults", method="sendMessage", times=1, status=429, retry_after=7)
        await sim.control("faults", method="sendMessage", times=1, status=502, after_accepting=True)
        status, body = await sim.call("sendMessage", chat_id=ANN, text="one")
        assert (status, body["parameters"]) == (429, {"retry_after": 7})
        assert body["description"] == "Too Many Requests: retry after 7"
        assert await sim.refusal("sendMessage", chat_id=ANN, text="two") == (502, "Bad Gateway")
        assert (await sim.call("sendMessage", chat_id=ANN, text="three"))[0] == 200
        seen = await sim.look(f"/_sim/chats/{ANN}/messages?bot=acme_bot")
        assert [message["text"] for message in seen["messages"]] == ["/start", "two", "three"]
        log = await sim.look("/_sim/log?since=0")
        assert [(call["method"], call["status"]) for call in log] == [
            ("sendMessage", 429),
            ("sendMessage", 502),
            ("sendMessage", 200),
        ]
        assert log[0]["params"] == {"chat_id": ANN, "text": "one"}
        assert await sim.look(f"/_sim/log?since={log[-1]['n']}") == []
        assert await sim.look("/_sim/log?bot=acme_bot&method=sendMessage") == log
        assert await sim.look("/_sim/log?bot=other_bot") == []
        assert await sim.look("/_sim/log?method=getMe") == []

    run(tmp_path, scenario)


def test_given_a_held_call_then_it_is_answered_only_after_the_release(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.control("faults", method="sendMessage", hold=True, after_accepting=True)
        call = asyncio.ensure_future(sim.call("sendMessage", chat_id=ANN, text="held"))

        async def accepted() -> bool:
            seen = await sim.look(f"/_sim/chats/{ANN}/messages?bot=acme_bot")
            return bool(seen["messages"][-1]["text"] == "held")

        await until(accepted)
        assert not call.done()
        assert (await sim.look("/_sim/log"))[-1]["status"] is None
        assert (await sim.control("release"))["held"] == 1
        assert (await call)[0] == 200

    run(tmp_path, scenario)


@pytest.mark.parametrize(("after_accepting", "kept"), [(False, ["/start"]), (True, ["/start", "held"])])
def test_given_a_client_that_leaves_a_held_call_then_only_an_accepted_message_stays(
    tmp_path: Path, after_accepting: bool, kept: list[str]
) -> None:
    async def scenario(sim: Sim) -> None:
        await sim.control("faults", method="sendMessage", hold=True, after_accepting=after_accepting)
        call = asyncio.ensure_future(sim.call("sendMessage", chat_id=ANN, text="held"))

        async def held() -> bool:
            return bool((await sim.look("/_sim/health"))["held"])

        async def given_up() -> bool:
            return bool((await sim.look("/_sim/log"))[-1]["status"] == 0)

        await until(held)
        call.cancel()
        await until(given_up)
        seen = await sim.look(f"/_sim/chats/{ANN}/messages?bot=acme_bot")
        assert [message["text"] for message in seen["messages"]] == kept

    run(tmp_path, scenario)


def test_given_enforced_rates_then_a_second_message_at_once_is_429(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        assert (await sim.call("sendMessage", chat_id=ANN, text="one"))[0] == 200
        status, body = await sim.call("sendMessage", chat_id=ANN, text="two")
        assert (status, body["parameters"]["retry_after"]) == (429, 1)

    run(tmp_path, scenario, enforce_rates=True)


def test_given_the_chat_page_then_it_talks_to_bots_and_hears_at_once(tmp_path: Path) -> None:
    async def scenario(sim: Sim) -> None:
        async with sim.http.get("/chat?bot=acme_bot") as response:
            assert "nothing leaves this machine" in await response.text()
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        people = (await sim.look("/chat/api/people"))["people"]
        assert [person["first_name"] for person in people] == ["Ann", "Boris", "小明"]
        listed = await sim.look("/chat/api/bots")
        assert listed["bots"] == [{"username": "acme_bot", "name": "Acme", "connected": False}]
        async with sim.http.get(f"/chat/api/events?bot=acme_bot&person={ANN}") as stream:
            assert await event(stream) == {"type": "hello"}
            said = {"bot": "acme_bot", "person": ANN, "text": "hi <b>"}
            async with sim.http.post("/chat/api/messages", json=said) as response:
                assert response.status == 200
            assert (await event(stream))["message"]["text"] == "hi <b>"
            await sim.call("sendChatAction", chat_id=ANN, action="typing")
            assert (await event(stream))["type"] == "action"
            await sim.call("sendMessage", chat_id=ANN, text="hello")
            assert (await event(stream))["message"]["from_bot"] is True
        async with sim.http.post("/chat/api/messages", data=said) as response:
            assert response.status == 415

    run(tmp_path, scenario)


async def event(stream: Any) -> Any:
    line = b""
    while not line.startswith(b"data: "):
        line = await stream.content.readline()
    return json.loads(line.removeprefix(b"data: "))


async def _menu(sim: Sim, person: int) -> Any:
    return (await sim.look(f"/chat/api/menu?bot=acme_bot&person={person}"))["menu"]


def test_a_menu_button_opens_a_mini_app_that_knows_who_opened_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with simulator(tmp_path) as sim:
            button = {"type": "web_app", "text": "Dashboard", "web_app": {"url": "https://door.example/app"}}
            assert await _menu(sim, ANN) is None
            assert (await sim.call("setChatMenuButton", chat_id=ANN, menu_button=button))[0] == 200
            assert await _menu(sim, 1002) is None, "the button is Ann's alone"
            url = (await _menu(sim, ANN))["url"]
            told = dict(parse_qsl(url.partition("#")[2]))
            assert verify_init_data(told["tgWebAppData"], sim.token, time.time()).id == ANN
            missing = await sim.refusal("setChatMenuButton", chat_id=99, menu_button=button)
            assert missing == (400, "Bad Request: chat not found")
            wrong = await sim.refusal("setChatMenuButton", menu_button={"type": "web_app", "text": "x"})
            assert wrong[0] == 400

    asyncio.run(scenario())
