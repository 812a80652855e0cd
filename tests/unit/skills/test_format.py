"""Skills are checked before they are taken, with the line of each problem, and nothing of them is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manyclaw.errors import BadInput, NotFound
from manyclaw.skills import Bundle, read_folder
from manyclaw.skills.document import parse_skill_file
from manyclaw.skills.schema import read_tools
from manyclaw.tenancy import InvalidDocument
from tests.skills import EXAMPLES, skill_md

HEAD = "from manyclaw_skill import tool\n"


def _tools(source: str) -> Any:
    return read_tools((HEAD + source).encode())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no front matter", "line 1: it must begin"),
        ("---\nname: a\n", "no second line ---"),
        ("---\nname: a\ndescription: b\nnmae: c\n---\n", "line 4: nmae: unknown key"),
        ("---\nname: A b\ndescription: b\n---\n", "line 2: name"),
        ("---\nname: a\n---\n", "description"),
        ("---\nname: a\ndescription: b\nsecrets: [lower]\n---\n", "line 4: secrets"),
        ("---\nname: other\ndescription: b\n---\n", "line 2: name: the folder is called 'a'"),
    ],
)
def test_a_wrong_skill_file_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InvalidDocument, match=r"SKILL\.md") as refused:
        parse_skill_file(text.encode(), "a")
    assert said in str(refused.value)


def test_a_good_skill_file_is_read() -> None:
    document = parse_skill_file(skill_md("probe", secrets="[KEY]"), "probe")
    assert (document.front.name, document.front.secrets, document.body) == ("probe", ("KEY",), "Call probe.")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1\n", "line 1: it has no function marked"),
        ("def (\n", "line 2:"),
        ("@tool\ndef a(x: int):\n    pass\n", "line 3: a: it needs a docstring"),
        ('@tool\ndef a(x):\n    """A."""\n', "line 3: a: the parameter x needs a type"),
        ('@tool\ndef a(\n    x: bytes,\n):\n    """A."""\n', "line 4: a: the type bytes cannot be used"),
        ('@tool\ndef a(*x: int):\n    """A."""\n', "plain parameters"),
        ('@tool\ndef Bad(x: int):\n    """A."""\n', "line 3: Bad: a tool's name"),
        ('@tool\ndef a(x: int = len("a")):\n    """A."""\n', "must be a plain value"),
        ('@tool\ndef a(x: dict[int, str]):\n    """A."""\n', "keys must be str"),
        ('@tool\ndef a():\n    """A."""\n@tool\ndef a():\n    """A."""\n', "line 6: a: there is a tool"),
        ("(" * 5_000, "line 2"),
    ],
)
def test_wrong_tools_are_refused_with_their_line(source: str, said: str) -> None:
    with pytest.raises(InvalidDocument, match=r"tools\.py") as refused:
        _tools(source)
    assert said in str(refused.value)


def test_hints_and_docstrings_become_the_schema() -> None:
    (tool,) = _tools(
        "from typing import Annotated, Literal\n"
        "@tool\n"
        "async def find(word: str, kind: Literal['a', 'b'] = 'a', most: Annotated[int, 'How many.'] = 3,\n"
        "               near: list[float] | None = None) -> str:\n"
        '    """Find things.\n\n    Slowly.\n\n    Args:\n        word: What to look for,\n            exactly.\n'
        '        kind: Which sort.\n\n    Returns:\n        Text.\n    """\n'
    )
    assert tool.description == "Find things.\n\nSlowly.\n\nReturns:\n    Text."
    properties = tool.schema["properties"]
    assert properties["word"] == {"type": "string", "description": "What to look for, exactly."}
    assert properties["kind"] == {"type": "string", "enum": ["a", "b"], "default": "a", "description": "Which sort."}
    assert properties["most"]["description"] == "How many."
    assert properties["near"]["anyOf"] == [{"type": "array", "items": {"type": "number"}}, {"type": "null"}]
    assert (tool.schema["required"], tool.schema["additionalProperties"]) == (["word"], False)


def test_what_the_model_sends_is_checked() -> None:
    (tool,) = _tools('@tool\ndef a(x: int, y: str = "z"):\n    """A."""\n')
    assert tool.check({"x": "4"}) == {"x": 4}
    with pytest.raises(BadInput, match="x: "):
        tool.check({"x": "four"})
    with pytest.raises(BadInput, match="w: "):
        tool.check({"x": 1, "w": 2})


def test_reading_a_skill_runs_nothing_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    folder.mkdir()
    (folder / "SKILL.md").write_bytes(skill_md())
    (folder / "tools.py").write_text(f'{HEAD}open("{tmp_path}/ran", "w")\n@tool\ndef a():\n    """A."""\n')
    assert [tool.name for tool in read_folder(folder).tools] == ["a"]
    assert not (tmp_path / "ran").exists()


def test_a_folder_is_checked_whole(tmp_path: Path) -> None:
    folder = tmp_path / "probe"
    folder.mkdir()
    with pytest.raises(NotFound):
        read_folder(folder)
    (folder / "SKILL.md").write_bytes(skill_md())
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(BadInput, match="link"):
        read_folder(folder)
    (folder / "link").unlink()
    (folder / "big").write_bytes(bytes(1024 * 1024))
    with pytest.raises(BadInput, match="larger than"):
        read_folder(folder)


def test_the_version_names_the_content() -> None:
    one, same = Bundle({"SKILL.md": skill_md()}), Bundle({"SKILL.md": skill_md()})
    assert (one.version, one.archive) == (same.version, same.archive)
    assert Bundle({"SKILL.md": skill_md(), "a": b""}).version != one.version


def test_the_model_reads_bodies_and_files() -> None:
    skill = Bundle({"SKILL.md": skill_md(), "more.md": b"more", "bytes": b"\xff"})
    assert skill.read("SKILL.md") == "Call probe."
    assert skill.read("more.md") == "more"
    for name in ("bytes", "../x"):
        with pytest.raises(BadInput):
            skill.read(name)


@pytest.mark.parametrize("folder", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_the_examples_are_valid(folder: Path) -> None:
    assert read_folder(folder).tools
