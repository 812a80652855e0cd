"""What the stand-in answers: a plain function of the conversation, so that tests can prove what it was given.

Rules, first match wins:

- a tool's result is read back;
- ``use tool NAME {json}`` (a line each), "what time is it in ZONE" and "remind me in N minutes to X" call an offered
  tool;
- ``use mcp SERVER TOOL {json}`` calls an offered tool of an MCP server and tells its result;
- ``long N`` gives N characters, ``long N emoji`` the same with emoji, ``repeat N words`` N words;
- "what did I say", "do you remember", "recall" list what the person said before;
- "my name is X" is noted, "what is my name" answered from the conversation alone;
- anything else is quoted back, with the first sentence of the customer's part of the system prompt.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from local.model.conversation import Conversation
from local.model.mcp import McpCall
from local.model.wording import Wording, clipped, sentence, wording_for

MAX_LENGTH = 200_000

_USE_TOOL = re.compile(r"^\s*use tool (?P<name>[\w-]{1,64})\s*(?P<input>\{.*\})?\s*$", re.I | re.M)
_USE_MCP = re.compile(
    r"^\s*use mcp (?P<server>[a-z0-9-]{1,32}) (?P<tool>[\w.-]{1,128})\s*(?P<input>\{.*\})?\s*$", re.I | re.M
)
_TIME_IN = re.compile(
    r"(?i:what time is it|what(?:'|’)s the time|time now|который час|сколько времени|几点).{0,12}?"
    r"(?P<zone>[A-Z][A-Za-z]+(?:/[A-Za-z_+-]+){1,2}|UTC)"
    r"|(?P<zone_first>[A-Z][A-Za-z]+(?:/[A-Za-z_]+){1,2}).{0,8}几点"
)
_REMIND = re.compile(
    r"^\s*(?:please )?remind me in (?P<number>\d{1,5}|a|one|two|three|five|ten) (?P<unit>minute|hour)s? "
    r"(?:to|that|about) (?P<what>.+)$",
    re.I | re.S,
)
_NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "five": 5, "ten": 10}
_LONG = re.compile(r"\blong (?P<number>\d{1,7})(?P<emoji> emoji)?\b", re.I)
_REPEAT = re.compile(r"\brepeat (?P<number>\d{1,6}) words\b", re.I)
_RECALL = re.compile(
    r"what (?:did|have) i (?:say|said|tell|told)|\brecall\b|\b(?:do|did|can) you remember|\bremember\b[^.]*\?"
    r"|что я (?:говорил|сказал|писал)|помнишь|我(?:之前|刚才)?说(?:过|了)?(?:什么|啥)|记得",
    re.I,
)
_REMEMBER = re.compile(
    r"^\s*(?:please )?(?:remember|запомни|记住)(?: that|,? что)?[:,，：]?\s*(?P<what>.+)", re.I | re.S
)
_MY_NAME = re.compile(
    r"(?:my name is|меня зовут|我叫|我的名字(?:是|叫))\s*(?P<name>[^\W\d_][\w'’-]*(?: [A-Z][\w'’-]+)?)", re.I
)
_ASKS_NAME = re.compile(r"what(?: is|'s|’s) my name|who am i\b|как меня зовут|我叫什么|我的名字(?:是什么|叫什么)", re.I)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the answer calls."""

    name: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a text, tool calls, or both; ``mcp`` was called before the text was said."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    mcp: list[McpCall] = field(default_factory=list)


def reply_to(conversation: Conversation) -> Reply:
    """The answer to a conversation."""
    text = conversation.newest
    words = wording_for(text)
    if conversation.results:
        told = "\n".join(words.result.format(tool=name, text=result) for name, result in conversation.results)
        return Reply(f"{words.stand_in} {told}")
    calls = _calls(text, conversation.tools)
    if calls:
        return Reply(calls=calls)
    served = _mcp_calls(text, conversation.mcp_tools)
    if served:
        said = "; ".join(call.blocks("")[1]["content"][0]["text"] for call in served)
        return Reply(f"{words.stand_in} {words.result.format(tool=served[0].server, text=said)}", mcp=served)
    long = _LONG.search(text)
    if long:
        return Reply(long_text(min(int(long["number"]), MAX_LENGTH), words.stand_in, emoji=bool(long["emoji"])))
    repeat = _REPEAT.search(text)
    if repeat:
        return Reply(" ".join([words.stand_in, *(f"word{number + 1}" for number in range(int(repeat["number"])))]))
    return Reply(f"{words.stand_in} {_from_history(conversation, words)}")


def _calls(text: str, offered: frozenset[str]) -> list[ToolCall]:
    calls = []
    for line in _USE_TOOL.finditer(text):
        try:
            given = json.loads(line["input"] or "{}")
        except ValueError:
            continue
        if line["name"] in offered:
            calls.append(ToolCall(line["name"], given))
    remind = _REMIND.match(text)
    if not calls and remind and "reminder_set" in offered:
        number = _NUMBERS.get(remind["number"].lower()) or int(remind["number"])
        minutes = number * (60 if remind["unit"].lower() == "hour" else 1)
        calls.append(ToolCall("reminder_set", {"text": remind["what"].strip(" ."), "in_minutes": minutes}))
    zone = _TIME_IN.search(text)
    if not calls and zone and "current_time" in offered:
        calls.append(ToolCall("current_time", {"zone": zone["zone"] or zone["zone_first"]}))
    return calls


def _mcp_calls(text: str, offered: frozenset[tuple[str, str]]) -> list[McpCall]:
    calls = []
    for line in _USE_MCP.finditer(text):
        try:
            given = json.loads(line["input"] or "{}")
        except ValueError:
            continue
        if (line["server"], line["tool"]) in offered:
            calls.append(McpCall(line["server"], line["tool"], given))
    return calls


def _from_history(conversation: Conversation, words: Wording) -> str:
    text, earlier = conversation.newest, conversation.said[:-1]
    if _ASKS_NAME.search(text):
        names = [found["name"] for said in earlier for found in _MY_NAME.finditer(said) if not _ASKS_NAME.search(said)]
        return words.your_name.format(name=names[-1]) if names else words.no_name
    if _RECALL.search(text):
        parts = [words.earlier.format(texts=_quoted(earlier)) if earlier else words.nothing_earlier]
        if conversation.given:
            parts.append(words.given.format(texts=_quoted(conversation.given)))
        return " ".join(parts)
    named = _MY_NAME.search(text)
    if named:
        return words.hello_name.format(name=named["name"])
    noted = _REMEMBER.match(text)
    if noted:
        return words.noted.format(text=clipped(noted["what"].strip()))
    parts = [words.said.format(text=clipped(text))]
    if conversation.instructions:
        parts.append(words.told.format(text=sentence(conversation.instructions)))
    if earlier:
        parts.append(words.count.format(number=len(conversation.said)))
    return " ".join(parts)


def _quoted(texts: list[str]) -> str:
    return "; ".join(f"“{clipped(text, 400)}”" for text in texts)


def long_text(length: int, beginning: str, *, emoji: bool = False) -> str:
    """Exactly ``length`` characters (code points) of numbered sentences in paragraphs, ending in no white space."""
    sign = "😀👍🏽 " if emoji else ""
    parts, size, number = [beginning], len(beginning), 0
    while size < length:
        number += 1
        gap = "\n\n" if number % 8 == 1 else " "
        parts.append(f"{gap}{sign}Sentence {number} of a long answer, so that it has to be split.")
        size += len(parts[-1])
    text = "".join(parts)[:length]
    return text[:-1] + "." if text[-1:].isspace() else text
