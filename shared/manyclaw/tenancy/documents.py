"""YAML documents that people write: read exactly, refused with the line."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from manyclaw.errors import BadInput

MAX_DOCUMENT_BYTES = 256 * 1024
MAX_DEPTH = 32
"""How deep a document may nest. libyaml composes recursively: a quarter of a megabyte of brackets ends the process."""


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader, but 3.75 stays the Decimal that was written and never becomes a float."""


def _decimal(loader: Any, node: yaml.ScalarNode) -> Decimal:
    return Decimal(str(loader.construct_scalar(node)).replace("_", ""))


_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a document. ``line`` counts from 1; ``path`` is the dotted key, empty for the whole."""

    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.path + ': ' if self.path else ''}{self.message}"


class InvalidDocument(BadInput):
    """A document that cannot be used. ``problems`` lists everything that is wrong, in the order of the lines."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        listed = "; ".join(str(problem) for problem in problems)
        super().__init__(f"{name} is not valid: {listed}.")
        self.problems = problems


def parse[Model: BaseModel](name: str, text: str | bytes, model: type[Model]) -> Model:
    """``text`` as a ``model``.

    Raises
    ------
    InvalidDocument
        Not UTF-8, not YAML, not a mapping, an unknown key, a value of the wrong kind: with the line of each.
    """
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidDocument(name, [Problem(1, "", f"it is larger than {MAX_DOCUMENT_BYTES // 1024} KB")])
    try:
        source = text.decode("utf-8") if isinstance(text, bytes) else text
        _check_shape(name, source)
        node = yaml.compose(source, Loader=_Loader)
        values = yaml.load(source, Loader=_Loader) if node is not None else {}  # noqa: S506
    except UnicodeDecodeError as error:
        line = bytes(text[: error.start]).count(b"\n") + 1 if isinstance(text, bytes) else 1
        raise InvalidDocument(name, [Problem(line, "", "it is not UTF-8 text")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InvalidDocument(name, [Problem(mark.line + 1 if mark else 1, "", str(error.problem))]) from None
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidDocument(name, [Problem(1, "", f"it cannot be read as YAML ({error})")]) from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise InvalidDocument(name, [Problem(1, "", "it must be a mapping of keys to values")])
    doubled = _doubled_keys(node, "")
    if doubled:
        raise InvalidDocument(name, doubled)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_problem(node, model, dict(each)) for each in error.errors(include_url=False)]
        raise InvalidDocument(name, sorted(problems, key=lambda problem: problem.line)) from None


_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def _check_shape(name: str, source: str) -> None:
    """Refuse, token by token, what would grow or recurse without bound when it is composed: aliases and depth."""
    depth = 0
    for token in yaml.scan(source, Loader=_Loader):
        if isinstance(token, yaml.AliasToken):
            problem = Problem(token.start_mark.line + 1, "", "aliases (*name) cannot be used here")
            raise InvalidDocument(name, [problem])
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MAX_DEPTH:
            problem = Problem(token.start_mark.line + 1, "", f"it nests deeper than {MAX_DEPTH} levels")
            raise InvalidDocument(name, [problem])


def _problem(root: Any, model: type[BaseModel], error: dict[str, Any]) -> Problem:
    location = [str(part) for part in error["loc"] if not str(part).startswith("function-")]
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        known = ", ".join(sorted(model.model_fields)) if len(location) == 1 else ""
        message = "unknown key" + (f" (known keys: {known})" if known else "")
    elif location[-1:] == ["url"]:
        pass  # what is wrong with a URL may be a secret in it: it is not repeated
    elif error["type"] != "missing" and "input" in error and not isinstance(error["input"], dict | list):
        message = f"{message}, not {str(error['input'])[:80]!r}"
    return Problem(_line(root, location), ".".join(location), message)


def _line(node: Any, location: list[str]) -> int:
    line = node.start_mark.line if node is not None else 0
    for part in location:
        if isinstance(node, yaml.MappingNode):
            match = next((pair for pair in node.value if pair[0].value == part), None)
            if match is None:
                break
            line, node = match[0].start_mark.line, match[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def _doubled_keys(node: Any, path: str) -> list[Problem]:
    if isinstance(node, yaml.SequenceNode):
        return [problem for child in node.value for problem in _doubled_keys(child, path)]
    if not isinstance(node, yaml.MappingNode):
        return []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for key, value in node.value:
        name = str(key.value)
        here = f"{path}.{name}" if path else name
        if name in seen:
            problems.append(Problem(key.start_mark.line + 1, here, f"given twice, first on line {seen[name]}"))
        seen.setdefault(name, key.start_mark.line + 1)
        problems.extend(_doubled_keys(value, here))
    return problems
