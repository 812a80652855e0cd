"""A skill's tools, read from the source of ``tools.py`` without running it.

Nobody has read a tenant's code, so nothing of it may run on the operator's machine or in the agent. The functions that
carry ``@tool`` are found in the syntax tree; their hints are built from a short list of types and given to pydantic,
which makes the JSON schema that the model sees and checks what the model sends.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from manyclaw.errors import BadInput
from manyclaw.tenancy import InvalidDocument, Problem

TOOLS_FILE = "tools.py"
TOOL_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
MAX_DESCRIPTION = 1024
_TYPES = "str, int, float, bool, list[…], dict[str, …], Literal[…], Optional[…], … | None, Annotated[…, 'text']"
_PLAIN: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict, "Any": Any}
_ARGS = re.compile(r"^\s*(?:Args|Arguments|Parameters):\s*$")
_ARG = re.compile(r"^(?P<indent>\s+)(?P<name>\w+)\s*(?:\([^)]*\))?:\s*(?P<text>.*)$")


@dataclass(frozen=True)
class ToolSource:
    """One function that the model may call."""

    name: str
    description: str
    arguments: type[BaseModel]

    @property
    def schema(self) -> dict[str, Any]:
        """As the Messages API wants it, without pydantic's titles."""
        schema = _untitled(self.arguments.model_json_schema())
        return {"type": "object", "properties": {}, **schema}

    def check(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What the model sent, as the function takes it. Raises ``BadInput`` with what the model can mend."""
        try:
            return self.arguments.model_validate(arguments).model_dump(exclude_unset=True)
        except ValidationError as error:
            said = [f"{'.'.join(map(str, each['loc'])) or 'input'}: {each['msg']}" for each in error.errors()[:5]]
            raise BadInput(f"The arguments of {self.name} are wrong: {'; '.join(said)}.") from None


class _Wrong(Exception):
    """A line that cannot be used."""

    def __init__(self, node: ast.AST, message: str) -> None:
        super().__init__(message)
        self.line = int(getattr(node, "lineno", 1))


def read_tools(data: bytes) -> tuple[ToolSource, ...]:
    """The tools in the source of a ``tools.py``, in its order.

    Raises
    ------
    InvalidDocument
        With the line of each problem.
    """
    try:
        tree = ast.parse(data, TOOLS_FILE)
    except SyntaxError as error:
        raise InvalidDocument(TOOLS_FILE, [Problem(error.lineno or 1, "", error.msg)]) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidDocument(TOOLS_FILE, [Problem(1, "", f"it cannot be read as Python ({error})")]) from None
    tools: list[ToolSource] = []
    problems: list[Problem] = []
    for function in _marked(tree):
        try:
            if any(tool.name == function.name for tool in tools):
                raise _Wrong(function, "there is a tool of this name above")
            tools.append(_tool(function))
        except _Wrong as wrong:
            problems.append(Problem(wrong.line, function.name, str(wrong)))
    if not tools and not problems:
        problems = [Problem(1, "", "it has no function marked with @tool (from manyclaw_skill import tool)")]
    if problems:
        raise InvalidDocument(TOOLS_FILE, problems)
    return tuple(tools)


type _Function = ast.FunctionDef | ast.AsyncFunctionDef


def _marked(tree: ast.Module) -> Iterator[_Function]:
    marks = {"manyclaw_skill.tool"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "manyclaw_skill":
            marks |= {each.asname or each.name for each in node.names if each.name == "tool"}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if any(ast.unparse(mark) in marks for mark in node.decorator_list):
            yield node


def _tool(function: _Function) -> ToolSource:
    if not TOOL_NAME.fullmatch(function.name):
        raise _Wrong(function, "a tool's name has a-z, 0-9 and _, begins with a letter, and 64 characters at most")
    text = inspect.cleandoc(ast.get_docstring(function, clean=False) or "")
    description, described = _docstring(text)
    if not description:
        raise _Wrong(function, "it needs a docstring: the model reads it to know when to call it")
    if len(description) > MAX_DESCRIPTION:
        raise _Wrong(function, f"its docstring is longer than {MAX_DESCRIPTION} characters")
    given = function.args
    for unwanted in (given.vararg, given.kwarg, *given.posonlyargs):
        if unwanted:
            raise _Wrong(unwanted, f"{unwanted.arg}: the model passes arguments by name; use plain parameters")
    positional: list[Any] = [*given.defaults]
    defaults = [None] * (len(given.args) - len(positional)) + positional + list(given.kw_defaults)
    fields = {
        argument.arg: _field(argument, default, described.get(argument.arg, ""))
        for argument, default in zip([*given.args, *given.kwonlyargs], defaults, strict=True)
    }
    try:
        model = create_model(function.name, __config__=ConfigDict(extra="forbid"), **fields)
        model.model_json_schema()
    except Exception as error:  # pydantic raises many kinds, each with a name that it cannot take
        raise _Wrong(function, f"no schema can be made of its parameters ({error})") from None
    return ToolSource(function.name, description, model)


def _field(argument: ast.arg, default: ast.expr | None, described: str) -> Any:
    if argument.annotation is None:
        raise _Wrong(argument, f"the parameter {argument.arg} needs a type: {_TYPES}")
    kind = _type(argument.annotation)
    if described:
        kind = Annotated[kind, Field(description=described)]
    if default is None:
        return (kind, ...)
    try:
        value = ast.literal_eval(default)
        json.dumps(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _Wrong(default, f"the default of {argument.arg} must be a plain value") from None
    return (kind, value)


def _type(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _type(ast.parse(node.value, mode="eval").body)
        except SyntaxError:
            raise _Wrong(node, f"{node.value!r} is not a type") from None
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_type(node.left), _type(node.right)]  # noqa: UP007 -- made of values
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name.lower() in _PLAIN or name in _PLAIN:
            return _PLAIN[name if name in _PLAIN else name.lower()]
    if isinstance(node, ast.Subscript):
        return _generic(node)
    raise _Wrong(node, f"the type {ast.unparse(node)[:60]} cannot be used; there are: {_TYPES}")


def _generic(node: ast.Subscript) -> Any:
    name = ast.unparse(node.value).rpartition(".")[2]
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    match name.lower(), len(parts):
        case "list", 1:
            return list[_type(parts[0])]  # type: ignore[misc]
        case "dict", 2:
            if _type(parts[0]) is not str:
                raise _Wrong(node, "a dict's keys must be str")
            return dict[str, _type(parts[1])]  # type: ignore[misc]
        case "optional", 1:
            return Optional[_type(parts[0])]  # noqa: UP045 -- made of values
        case "union", _:
            return Union[tuple(map(_type, parts))]  # noqa: UP007
        case "literal", _:
            values = [part.value for part in parts if isinstance(part, ast.Constant)]
            if len(values) == len(parts):
                return Literal[tuple(values)]
        case "annotated", 2:
            if isinstance(parts[1], ast.Constant) and isinstance(parts[1].value, str):
                return Annotated[_type(parts[0]), Field(description=parts[1].value)]
    raise _Wrong(node, f"the type {ast.unparse(node)[:60]} cannot be used; there are: {_TYPES}")


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """The description, and each parameter's from the section ``Args:``."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if _ARGS.match(line)), None)
    if start is None:
        return text.strip(), {}
    described: dict[str, str] = {}
    rest: list[str] = []
    name = indent = ""
    for number, line in enumerate(lines[start + 1 :], start + 1):
        match = _ARG.match(line)
        if line.strip() and not line.startswith((" ", "\t")):
            rest = lines[number:]
            break
        if match and (not indent or match["indent"] == indent):
            name, indent = match["name"], match["indent"]
            described[name] = match["text"].strip()
        elif name and line.strip():
            described[name] = f"{described[name]} {line.strip()}".strip()
    return "\n".join([*lines[:start], *rest]).strip(), described


def _untitled(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: {key: _untitled(each) for key, each in value.items()} if name == "properties" else _untitled(value)
            for name, value in schema.items()
            if name != "title" or not isinstance(value, str)
        }
    return [_untitled(each) for each in schema] if isinstance(schema, list) else schema
