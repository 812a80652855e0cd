"""A skill as one piece: its files, checked, and as the zip that is stored and sent."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from manyclaw.errors import BadInput, NotFound
from manyclaw.skills.document import SKILL_FILE, SkillDocument, parse_skill_file
from manyclaw.skills.schema import TOOLS_FILE, ToolSource, read_tools

MAX_BYTES = 1024 * 1024
MAX_FILES = 100
MAX_READ = 19_900
"""Characters of a file that the model is shown at once."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SKIPPED = ("__pycache__", ".git", ".venv", ".DS_Store", ".mypy_cache", ".ruff_cache", ".pytest_cache")


@dataclass(frozen=True)
class Bundle:
    """A skill's files by their path in its folder, sorted."""

    files: dict[str, bytes]

    @cached_property
    def document(self) -> SkillDocument:
        return parse_skill_file(self.files[SKILL_FILE])

    @cached_property
    def tools(self) -> tuple[ToolSource, ...]:
        """Empty for a skill of words only."""
        source = self.files.get(TOOLS_FILE)
        return read_tools(source) if source is not None else ()

    @cached_property
    def archive(self) -> bytes:
        """The files as a zip: the same bytes for the same files."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(self.files.items()):
                info = zipfile.ZipInfo(name, _EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, content)
        return target.getvalue()

    @cached_property
    def version(self) -> str:
        """Names the content: the beginning of its SHA-256."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]

    def tool(self, name: str) -> ToolSource:
        """Raises ``NotFound`` when there is none of this name."""
        for each in self.tools:
            if each.name == name:
                return each
        raise NotFound(f"The skill {self.document.front.name} has no tool {name!r}.")

    def read(self, file: str) -> str:
        """What the model reads: SKILL.md's body, or another file. Raises ``BadInput`` if it is not there or no text."""
        if file == SKILL_FILE:
            text = self.document.body
        elif file not in self.files:
            raise BadInput(f"The skill has no file {file!r}; it has {', '.join(sorted(self.files))}.")
        else:
            try:
                text = self.files[file].decode("utf-8")
            except UnicodeDecodeError:
                raise BadInput(f"{file} is no text.") from None
        return text if len(text) <= MAX_READ else f"{text[:MAX_READ]}\n[cut: {MAX_READ} of {len(text)} characters]"


def read_archive(data: bytes) -> Bundle:
    """A stored zip as a bundle. Its content was checked when it was installed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return Bundle({name: archive.read(name) for name in archive.namelist()})


def read_folder(folder: Path) -> Bundle:
    """A skill's folder, checked whole. Nothing of it is run.

    Raises
    ------
    NotFound
        There is no such folder, or no SKILL.md in it.
    BadInput
        Too many files, too large, or links in it.
    InvalidDocument
        SKILL.md or tools.py is wrong: with the line of each problem.
    """
    if not (folder / SKILL_FILE).is_file():
        raise NotFound(f"{folder / SKILL_FILE} is not there.", hint="A skill is a folder with a SKILL.md.")
    files: dict[str, bytes] = {}
    total = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part in _SKIPPED for part in path.relative_to(folder).parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            raise BadInput(f"{name} is a link; a skill holds files only.")
        if path.is_file():
            total += path.stat().st_size
            if total > MAX_BYTES or len(files) >= MAX_FILES:
                raise BadInput(f"{folder} is larger than {MAX_BYTES // 1024} KB or has more than {MAX_FILES} files.")
            files[name] = path.read_bytes()
    bundle = Bundle(files)
    parse_skill_file(files[SKILL_FILE], folder.resolve().name)
    _ = bundle.tools
    return bundle
