"""SKILL.md: YAML between two ``---`` lines, then what the model reads when it needs the skill."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from manyclaw.tenancy import InvalidDocument, Problem
from manyclaw.tenancy import parse as parse_document

SKILL_FILE = "SKILL.md"
NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_SECRET = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class FrontMatter(BaseModel):
    """What stands between the ``---`` lines: the Agent Skills format's keys, and ``secrets``, which is ours."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(pattern=NAME, max_length=64, description="The folder's name: a-z, 0-9 and single hyphens.")
    description: str = Field(min_length=1, max_length=1024, description="What it does and when to use it.")
    license: str = Field(default="", description="For readers of the file.")
    compatibility: str = Field(default="", max_length=500, description="For readers of the file.")
    metadata: dict[str, Any] = Field(default={}, description="For readers of the file.")
    allowed_tools: Any = Field(default=None, alias="allowed-tools", description="Not used: the overlay decides.")
    secrets: tuple[str, ...] = Field(default=(), max_length=10, description="The secrets that its tools are given.")

    @field_validator("secrets")
    @classmethod
    def _secrets_are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _SECRET.fullmatch(name):
                raise ValueError(f"{name!r} is not a name like WEATHER_KEY")
        return value


@dataclass(frozen=True)
class SkillDocument:
    """A SKILL.md that was read."""

    front: FrontMatter
    body: str


def parse_skill_file(data: bytes, folder: str = "") -> SkillDocument:
    """A SKILL.md's bytes, checked.

    Parameters
    ----------
    folder
        The folder's name, which the skill's name must be; not checked when empty.

    Raises
    ------
    InvalidDocument
        With the line of each problem.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidDocument(SKILL_FILE, [Problem(line, "", "it is not UTF-8 text")]) from None
    ends = [number for number, line in enumerate(lines) if line.rstrip() == "---"]
    if not lines or ends[:1] != [0]:
        raise InvalidDocument(SKILL_FILE, [Problem(1, "", "it must begin with a line ---")])
    if len(ends) < 2:
        raise InvalidDocument(SKILL_FILE, [Problem(len(lines), "", "the front matter has no second line ---")])
    # The first line stays as an empty one, so that the lines of problems are the file's.
    front = parse_document(SKILL_FILE, "\n".join(["", *lines[1 : ends[1]], ""]), FrontMatter)
    if folder and front.name != folder:
        line = next(number for number, text in enumerate(lines, 1) if text.lstrip().startswith("name"))
        raise InvalidDocument(
            SKILL_FILE, [Problem(line, "name", f"the folder is called {folder!r}, not {front.name!r}")]
        )
    return SkillDocument(front, "\n".join(lines[ends[1] + 1 :]).strip())
