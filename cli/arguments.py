"""Arguments that several commands share."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from manyclaw.errors import BadInput

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]
TenantOption = Annotated[str, typer.Option("--tenant", "-t", help="The tenant's id.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A YAML file; - reads standard input.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def day(text: str) -> date:
    """A day as people write it. Raises ``BadInput``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is not a day.", hint="Write it like 2026-11-30.") from None


def read_file(name: str) -> str:
    """The text of a file that the operator named; ``-`` is standard input. Raises ``BadInput`` if it is not UTF-8."""
    import sys
    from pathlib import Path

    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{name} is not UTF-8 text.") from None


def read_secret(given: str, prompt: str) -> str:
    """A secret that was given as an option's value, or is better not: ``-`` reads one line of standard input.

    At a terminal it is asked for and not shown, so it stands in no shell history and no list of processes.
    """
    import sys

    if given not in ("", "-"):
        return given.strip()
    if sys.stdin.isatty():
        return str(typer.prompt(prompt, hide_input=True)).strip()
    line = sys.stdin.readline().strip() if given == "-" else ""
    if not line:
        raise BadInput(f"{prompt}: none was given.", hint="Give it as the option's value, or - and one line of input.")
    return line


def confirm(question: str) -> None:
    """Ask before something that cannot be undone. Raises ``BadInput`` where there is nobody to ask."""
    import sys

    if not sys.stdin.isatty():
        raise BadInput("There is no terminal to ask at.", hint="Say --yes if you mean it.")
    typer.confirm(question, abort=True)
