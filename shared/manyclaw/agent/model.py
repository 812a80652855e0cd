"""Calling Claude: one request out, one whole answer or a typed error back.

Streaming is used although the answer is taken whole, so that a dead connection shows within the read timeout and not
after the longest possible answer. The SDK's own retries are off: each try is a line in the ledger first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from manyclaw.billing import Tokens
from manyclaw.errors import Misconfigured, PermanentError, RetryableError
from manyclaw.mcp import BETA

if TYPE_CHECKING:
    from anthropic import Anthropic

LAST_SECONDS = 10.0
"""Of the process's time are kept for what comes after a call."""

READ_TIMEOUT = 60.0
"""Seconds without a single event of the stream; Anthropic sends pings in between."""


class ModelBusy(RetryableError):
    """The call was refused before it cost anything: overloaded, rate limited, or not reachable."""


class ModelInterrupted(RetryableError):
    """The call broke off: whether it was served, and billed, is not known here."""


class ModelRefused(PermanentError):
    """The API will never take this request."""


class PromptTooLong(ModelRefused):
    """The conversation no longer fits the model's context window."""


@dataclass(frozen=True)
class Answer:
    """A whole answer of the model: its content blocks as the API gives them, and what it used."""

    content: list[dict[str, Any]]
    stop_reason: str
    tokens: Tokens
    request_id: str
    context_tokens: int
    """The context after the answer. What ``tokens`` says may be more: a call that ran MCP tools read its prompt anew
    for each round of them."""

    @property
    def text(self) -> str:
        return text_of(self.content)

    @property
    def tool_uses(self) -> list[dict[str, Any]]:
        return [block for block in self.content if block["type"] == "tool_use"]


def text_of(content: list[dict[str, Any]]) -> str:
    """What the blocks say; what stands before and after a server's tool are two paragraphs."""
    said: list[str] = []
    together = False
    for block in content:
        if block["type"] != "text":
            together = False
        elif together:
            said[-1] += block["text"]
        else:
            said.append(block["text"])
            together = True
    return "\n\n".join(part.strip() for part in said if part.strip())


@cache
def _client(base_url: str, api_key: str) -> Anthropic:
    """Follows no redirect: the key would go along, and one tenant's words with it."""
    from anthropic import Anthropic, DefaultHttpxClient, Timeout

    return Anthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=Timeout(connect=5, read=READ_TIMEOUT, write=30, pool=5),
        http_client=DefaultHttpxClient(base_url=base_url, follow_redirects=False),
    )


def _stream(base_url: str, api_key: str, request: dict[str, Any]) -> Any:
    client = _client(base_url, api_key)
    if "mcp_servers" in request:
        return client.beta.messages.stream(betas=[BETA], **request)
    return client.messages.stream(**request)


def ask(base_url: str, api_key: str, request: dict[str, Any], seconds_left: Callable[[], float]) -> Answer:
    """Send ``request`` (the body of POST /v1/messages without ``stream``) and wait for the whole answer.

    Blank text blocks, which the API gives but does not take back, are left out of the answer.

    Parameters
    ----------
    seconds_left
        The process's time; the stream is broken off when :data:`LAST_SECONDS` are left.

    Raises
    ------
    ModelBusy, ModelInterrupted
        Another try may work; only the first certainly cost nothing.
    ModelRefused, PromptTooLong, Misconfigured
        It will not: the request is wrong, too long, or the operator's key is.
    """
    import anthropic
    import httpx2

    try:
        with _stream(base_url, api_key, request) as stream:
            for _ in stream:
                if seconds_left() < LAST_SECONDS:
                    raise ModelInterrupted("The model's answer took longer than this process may run.")
            message = stream.get_final_message()
            request_id = stream.response.headers.get("request-id", "")
    except anthropic.APIStatusError as error:
        raise _refusal(error, _detail(error)) from None
    except anthropic.APITimeoutError:
        raise ModelInterrupted("The model did not answer in time.") from None
    except anthropic.APIConnectionError as error:
        if isinstance(error.__cause__, httpx2.ConnectError):
            raise ModelBusy("The model's API cannot be reached.") from None
        raise ModelInterrupted("The connection to the model's API broke.") from None
    except (anthropic.APIError, httpx2.HTTPError, json.JSONDecodeError, AssertionError) as error:
        raise ModelInterrupted(f"The model's answer broke off ({type(error).__name__}).") from None
    if message.stop_reason is None:
        raise ModelInterrupted("The model's answer broke off before its end.")
    content = [block.model_dump(mode="json", exclude_none=True) for block in message.content]
    for block in content:
        block.pop("parsed_output", None)
    content = [block for block in content if block["type"] != "text" or block["text"].strip()]
    tokens = Tokens.of(message.usage)
    return Answer(content, message.stop_reason, tokens, request_id or message.id, _context(message.usage, tokens))


def _context(usage: Any, tokens: Tokens) -> int:
    """The last round's tokens, where the API lists the rounds of a call that ran tools within itself."""
    rounds = [each for each in getattr(usage, "iterations", None) or () if getattr(each, "type", "") == "message"]
    last = Tokens.of(rounds[-1]) if rounds else tokens
    return last.prompt + last.output


def _refusal(error: Any, detail: str) -> Exception:
    status = int(error.status_code)
    if 300 <= status < 400:
        return Misconfigured(f"The model's API answered {status}: it is elsewhere.", hint="Check AnthropicBaseUrl.")
    if status < 400:  # an error event within the stream: the answer had begun and may be billed
        return ModelInterrupted(f"The model's answer broke off: {detail}")
    if status in (408, 409, 429) or status >= 500:
        return ModelBusy(f"The model's API answered {status}: {detail}", retry_after=_retry_after(error))
    if status in (401, 403):
        return Misconfigured(
            f"The model's API refused the key: {status} {detail}.",
            hint="Check the Anthropic key (SSM parameter /{stack}/anthropic).",
        )
    if status == 413 or "prompt is too long" in detail or "exceed context limit" in detail:
        return PromptTooLong(f"The model's API answered {status}: {detail}")
    return ModelRefused(f"The model's API answered {status}: {detail}")


def _detail(error: Any) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    return str(inner.get("message", "") if isinstance(inner, dict) else error.message)[:300]


def _retry_after(error: Any) -> float | None:
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None
