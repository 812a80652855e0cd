"""``python -m cli.docs``: writes docs/cli.md from the commands themselves; ``--check`` only compares."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer

from cli.main import app
from cli.stage import ROOT

PATH = ROOT / "docs" / "cli.md"

_HEAD = """\
# The command `manyclaw`

Written by `python -m cli.docs`; do not edit.

`--stage` (or `MANYCLAW_STAGE`) names the deployment: `local` is the embedded stack of `make dev`; any other is an
environment of samconfig.toml. `--stage`, `--json` and `--debug` may stand anywhere in the command. With `--json`
the answer is one JSON document on standard output; amounts of money are exact texts.

Errors go to standard error as `error: …`, with what to do on the next line:

| exit | means |
|---|---|
| 0 | done |
| 1 | something that has no class of its own; `billing verify`, `audit verify` and `rates check` found something |
| 2 | a value that was given is wrong |
| 3 | what was named is not there |
| 4 | it is there already, or has changed since it was read |
| 5 | a right, a secret or a status forbids it |
| 6 | the deployment lacks something |
| 7 | another service is down or busy: try again |
| 8 | `doctor` found something as bad as `--fail-on`, or worse |
| 130 | Ctrl-C |
"""


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command under ``group`` with its full name, in the order of the help."""
    for name, command in group.commands.items():
        here = (*path, name)
        if hasattr(command, "commands"):
            yield from commands(command, here)
        else:
            yield " ".join(here), command


def section(name: str, command: Any) -> str:
    """One command's part of the page."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    usage = " ".join(["manyclaw", name, *(str(each.metavar or each.name).upper() for each in arguments)])
    lines = [f"## {name}", "", f"`{usage}`" + (" and options" if options else ""), ""]
    for paragraph in paragraphs:
        text = " ".join(paragraph.split())
        example = text.removeprefix("Example: ")
        lines += ["```console", f"$ {example}", "```", ""] if example != text else [text, ""]
    rows = [(str(each.metavar or each.name).upper(), each.help) for each in arguments]
    rows += [(", ".join([*each.opts, *each.secondary_opts]), each.help) for each in options]
    if rows:
        lines += ["| | |", "|---|---|", *(f"| `{given}` | {meaning or ''} |" for given, meaning in rows), ""]
    return "\n".join(lines)


def page() -> str:
    """The whole page."""
    root = typer.main.get_command(app)
    return "\n".join([_HEAD, *(section(name, command) for name, command in commands(root))]).rstrip() + "\n"


def main() -> int:
    """Write the page, or with ``--check`` say whether it is up to date."""
    if "--check" in sys.argv[1:]:
        current = PATH.exists() and PATH.read_text(encoding="utf-8") == page()
        if not current:
            typer.echo("docs/cli.md is out of date: run `python -m cli.docs`.", err=True)
        return 0 if current else 1
    PATH.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
