"""What Anthropic refuses, in its words."""

from typing import Any

from local.model.blocks import content_blocks
from local.model.errors import ModelApiError, invalid
from local.model.mcp import check_mcp_block, check_mcp_pairs, check_servers

MAX_BREAKPOINTS = 4
_FIELDS = frozenset(
    {
        "cache_control",
        "container",
        "context_management",
        "diagnostics",
        "inference_geo",
        "max_tokens",
        "mcp_servers",
        "messages",
        "metadata",
        "model",
        "output_config",
        "output_format",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "user_profile_id",
    }
)
_BLOCKS = {
    "user": frozenset({"text", "image", "document", "tool_result", "search_result"}),
    "assistant": frozenset({"text", "tool_use", "thinking", "redacted_thinking", "mcp_tool_use", "mcp_tool_result"}),
    "system": frozenset({"text"}),
}


def api_key(headers: Any) -> str:
    """The key that a request carries, in either of its places, or ""."""
    return str(headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ").strip())


def check_headers(headers: Any) -> str:
    """The API key of the request. Raises `ModelApiError` 401 without one, 400 without ``anthropic-version``."""
    key = api_key(headers)
    if not key:
        raise ModelApiError(401, "x-api-key header is required")
    if not headers.get("anthropic-version"):
        raise invalid("anthropic-version: header is required")
    return key


def check_request(request: Any, *, counting: bool = False) -> dict[str, Any]:
    """The request itself, its messages of one role in a row joined as Anthropic joins them.

    A ``cache_control`` of the whole request becomes a breakpoint at its last block.

    Raises `ModelApiError` 400 (404 for an unknown model).
    """
    if not isinstance(request, dict):
        raise invalid("The request body is not valid JSON object")
    for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if name not in request:
            raise invalid(f"{name}: Field required")
    for name in request:
        if name not in _FIELDS:
            raise invalid(f"{name}: Extra inputs are not permitted")
    if not isinstance(request["model"], str) or not request["model"]:
        raise invalid("model: String should have at least 1 character")
    if not request["model"].startswith("claude-"):
        raise ModelApiError(404, f"model: {request['model']}")
    limit = request.get("max_tokens", 1)
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    if limit < 0:
        raise invalid("max_tokens: Input should be greater than or equal to 0")
    _check_tools(request)
    check_servers(request)
    _check_system(request.get("system"))
    messages = _joined(request["messages"])
    _check_pairs(messages)
    if request.get("cache_control"):
        messages[-1]["content"][-1:] = [
            {**block, "cache_control": request["cache_control"]} for block in messages[-1]["content"][-1:]
        ]
    checked = {**request, "messages": messages}
    _check_breakpoints(checked)
    return checked


def _check_tools(request: dict[str, Any]) -> None:
    tools = request.get("tools") or []
    if not isinstance(tools, list):
        raise invalid("tools: Input should be a valid list")
    names = []
    for place, tool in enumerate(tools):
        if isinstance(tool, dict) and tool.get("type") == "mcp_toolset":
            continue
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise invalid(f"tools.{place}.custom.name: Field required")
        if "input_schema" not in tool and tool.get("type", "custom") == "custom":
            raise invalid(f"tools.{place}.custom.input_schema: Field required")
        names.append(tool["name"])
    if len(set(names)) < len(names):
        raise invalid("tools: Tool names must be unique.")
    used = any(
        block.get("type") in ("tool_use", "tool_result")
        for message in (request["messages"] if isinstance(request["messages"], list) else [])
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for block in message["content"]
        if isinstance(block, dict)
    )
    if used and not tools:
        raise invalid("Requests which include `tool_use` or `tool_result` blocks must define tools")


def _check_system(system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise invalid("system: Input should be a valid list")
    for place, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise invalid(f"system.{place}.text: Field required")
        if not block["text"]:
            raise invalid("system: text content blocks must be non-empty")


def _joined(messages: Any) -> list[dict[str, Any]]:
    if not isinstance(messages, list):
        raise invalid("messages: Input should be a valid list")
    if not messages:
        raise invalid("messages: at least one message is required")
    joined: list[dict[str, Any]] = []
    for place, message in enumerate(messages):
        role, blocks = _message(place, message, last=place == len(messages) - 1)
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"] += blocks
        else:
            joined.append({"role": role, "content": blocks})
    if joined[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    end = joined[-1]
    if end["role"] == "assistant" and end["content"] and end["content"][-1].get("text", "x")[-1:].isspace():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")
    return joined


def _message(place: int, message: Any, *, last: bool) -> tuple[str, list[dict[str, Any]]]:
    if not isinstance(message, dict):
        raise invalid(f"messages.{place}: Input should be a valid dictionary")
    role, content = message.get("role"), message.get("content")
    if role not in _BLOCKS:
        raise invalid(f"messages.{place}.role: Input should be 'user', 'assistant' or 'system'")
    if not isinstance(content, (str, list)):
        raise invalid(f"messages.{place}.content: Field required")
    if not content and not (last and role == "assistant"):
        raise invalid(
            f"messages.{place}: all messages must have non-empty content except for the optional "
            "final assistant message"
        )
    blocks = content_blocks(content) if content else []
    for number, block in enumerate(blocks):
        where = f"messages.{place}.content.{number}"
        if not isinstance(block, dict) or block.get("type") not in _BLOCKS[role]:
            kind = block.get("type") if isinstance(block, dict) else block
            raise invalid(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
        if block["type"] == "text":
            if not isinstance(block.get("text"), str):
                raise invalid(f"{where}.text.text: Field required")
            if not block["text"].strip():
                raise invalid(f"messages: text content blocks must {'be non-empty' if not block['text'] else _SPACES}")
        if block["type"] == "tool_use" and not {"id", "name", "input"} <= block.keys():
            raise invalid(f"{where}.tool_use: Field required")
        check_mcp_block(where, block)
        if block["type"] == "tool_result" and not isinstance(block.get("tool_use_id"), str):
            raise invalid(f"{where}.tool_result.tool_use_id: Field required")
    return role, blocks


_SPACES = "contain non-whitespace text"


def _check_pairs(messages: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for place, message in enumerate(messages):
        calls = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        if seen & set(calls) or len(set(calls)) < len(calls):
            raise invalid("messages: `tool_use` ids must be unique")
        seen |= set(calls)
        check_mcp_pairs(place, message["content"])
        following = messages[place + 1]["content"] if place + 1 < len(messages) else []
        answered = _leading_results(following)
        missing = [call for call in calls if call not in answered]
        if missing:
            raise invalid(
                f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block "
                "in the next message."
            )
        _check_results(place, message, messages[place - 1]["content"] if place else [])


def _leading_results(blocks: list[dict[str, Any]]) -> list[str]:
    """Results count only before any other content of their message."""
    found = []
    for block in blocks:
        if block["type"] != "tool_result":
            break
        found.append(block["tool_use_id"])
    return found


def _check_results(place: int, message: dict[str, Any], before: list[dict[str, Any]]) -> None:
    asked = {block["id"] for block in before if block["type"] == "tool_use"}
    given: set[str] = set()
    for number, block in enumerate(message["content"]):
        if block["type"] != "tool_result":
            continue
        call = block["tool_use_id"]
        if call not in asked:
            raise invalid(
                f"messages.{place}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {call}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if call in given:
            raise invalid(
                f"messages.{place}.content.{number}: each tool_use must have a single result. "
                f"Found multiple `tool_result` blocks with id: {call}"
            )
        given.add(call)


def _check_breakpoints(request: dict[str, Any]) -> None:
    marked = [
        block["cache_control"]
        for block in [
            *(request.get("tools") or []),
            *content_blocks(request.get("system")),
            *(block for message in request["messages"] for block in message["content"]),
        ]
        if block.get("cache_control")
    ]
    if len(marked) > MAX_BREAKPOINTS:
        raise invalid(f"A maximum of 4 blocks with cache_control may be provided. Found {len(marked)}.")
    short = False
    for control in marked:
        if not isinstance(control, dict) or control.get("type") != "ephemeral":
            raise invalid("cache_control: Input tag does not match any of the expected tags: 'ephemeral'")
        if control.get("ttl", "5m") not in ("5m", "1h"):
            raise invalid("cache_control.ephemeral.ttl: Input should be '5m' or '1h'")
        if control.get("ttl") == "1h" and short:
            raise invalid(
                "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
                "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
            )
        short = short or control.get("ttl", "5m") == "5m"
