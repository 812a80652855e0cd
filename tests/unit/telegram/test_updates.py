from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manyclaw.errors import BadInput
from manyclaw.telegram import read_message
from manyclaw.telegram.updates import MAX_UPDATE_BYTES, read_update

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _body(value: Any) -> bytes:
    return json.dumps(value).encode()


def _message(**more: Any) -> dict[str, Any]:
    return {
        "update_id": 9,
        "message": {
            "message_id": 1,
            "date": 1,
            "chat": {"id": -100, "type": "supergroup"},
            "from": {"id": 5, "first_name": "Ann", "last_name": "Lee"},
            "text": "hello",
            **more,
        },
    }


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"update_id": "1"}', b'{"update_id": true}', b'{"update_id": NaN}',
        b'{"update_id": -1}', b'{"update_id": 99999999999999999999}', b'{"update_id": 1, "message": null}',
        b'{"update_id": 1, "message": {"chat": {"id": "x"}}}', b'{"update_id": 1, "message": {"chat": 5}}',
        b"[" * 100_000, b'{"update_id": 1, "x": "' + b"a" * MAX_UPDATE_BYTES + b'"}',
    ],
)  # fmt: skip
def test_what_is_no_update_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        read_update(body)


@given(st.binary(max_size=60) | JSON.map(_body))
def test_nothing_but_a_refusal_comes_of_garbage(body: bytes) -> None:
    try:
        head = read_update(body)
    except BadInput:
        return
    assert isinstance(head.update_id, int)


@given(JSON, JSON, JSON, JSON)
def test_no_field_of_a_message_can_break_the_reader(sender: Any, entities: Any, text: Any, thread: Any) -> None:
    update = _message(**{"from": sender, "entities": entities, "text": text, "message_thread_id": thread})
    read_update(_body(update))
    read_message(update)


def test_a_kind_that_is_not_handled_has_no_chat() -> None:
    assert read_update(b'{"update_id": 1, "poll": {"id": "1"}}').chat_id is None
    assert read_update(_body(_message())).chat_id == -100


@pytest.mark.parametrize(
    ("more", "spoken_to"),
    [
        ({}, False),
        ({"text": "hey @Acme_Bot", "entities": [{"type": "mention", "offset": 4, "length": 9}]}, True),
        ({"text": "😀 @acme_bot", "entities": [{"type": "mention", "offset": 3, "length": 9}]}, True),
        ({"text": "hey @other", "entities": [{"type": "mention", "offset": 4, "length": 6}]}, False),
        ({"text": "/help", "entities": [{"type": "bot_command", "offset": 0, "length": 5}]}, True),
        ({"text": "/help@other", "entities": [{"type": "bot_command", "offset": 0, "length": 11}]}, False),
        ({"reply_to_message": {"from": {"id": 42}}}, True),
        ({"chat": {"id": 5, "type": "private"}}, True),
    ],
)
def test_when_a_bot_is_spoken_to(more: dict[str, Any], spoken_to: bool) -> None:
    message = read_message(_message(**more))
    assert message is not None
    assert message.addresses(42, "acme_bot") is spoken_to


def test_a_forum_topic_has_a_conversation_of_its_own_and_the_general_one_is_the_chats() -> None:
    topic = read_message(_message(message_thread_id=77, is_topic_message=True))
    general = read_message(_message(message_thread_id=1, is_topic_message=True))
    reply = read_message(_message(message_thread_id=33))
    assert topic is not None
    assert general is not None
    assert reply is not None
    assert (topic.conversation, topic.thread_id) == ("-100:77", 77)
    assert (general.conversation, general.thread_id) == ("-100", None)
    assert (reply.conversation, reply.thread_id) == ("-100", None)


def test_lone_surrogates_and_nul_do_not_reach_the_model() -> None:
    message = read_message(json.loads('{"update_id":1,"message":{"chat":{"id":1},"text":"a\\ud800b\\u0000c"}}'))
    assert message is not None
    assert message.text == "a�bc"
    message.text.encode()


def test_a_service_message_is_no_message_of_a_person() -> None:
    assert read_message(_message(text=None, new_chat_members=[{"id": 1}])) is None
    photo = read_message(_message(text=None, caption="look", photo=[{"file_id": "x"}]))
    assert photo is not None
    assert (photo.text, photo.attachment) == ("look", "photo")
