"""The root of the command: options that may stand anywhere, and every error as one line and an exit code."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from manyclaw.errors import ManyclawError, Misconfigured, PermanentError, Refused, Unavailable
from manyclaw.logs import redact

_FLAGS = ("--json", "--debug")
_WITH_VALUE = ("--stage",)
INTERRUPTED = 130


def hoist(arguments: list[str]) -> list[str]:
    """``arguments`` with the global options moved to the front, so that they may follow the command too.

    >>> hoist(["tenants", "list", "--json", "--stage", "prod"])
    ['--json', '--stage', 'prod', 'tenants', 'list']
    """
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in _FLAGS or argument.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            front.append(argument)
        elif argument in _WITH_VALUE:
            front += [argument, *(value for value in (next(waiting, None),) if value is not None)]
        else:
            rest.append(argument)
    return front + rest


def noun(help_text: str) -> typer.Typer:
    """The commands of one noun. Help is printed plainly: loading rich for it would take longer than all the rest."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode=None)


class Root(TyperGroup):
    """Typer's group with global options anywhere and the product's errors mapped to exit codes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, hoist(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError):
            typer.echo("\nstopped", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            known = explain(error)
            if known is None:
                raise
            print_error(known)
            raise typer.Exit(known.exit_code) from None


def print_error(error: ManyclawError) -> None:
    """``error: what was wrong`` and, on a line of its own, what to do; both on stderr."""
    typer.echo(f"{typer.style('error:', fg='red', bold=True)} {redact(error.message)}", err=True)
    if error.hint:
        typer.echo(f"  {redact(error.hint)}", err=True)


def explain(error: Exception) -> ManyclawError | None:
    """The error in the product's terms; None for one that only a programmer can understand."""
    if isinstance(error, ManyclawError):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return PermanentError(f"{error.filename}: {error.strerror}.")
    return _explain_aws(error) if "botocore" in sys.modules else None


def _explain_aws(error: Exception) -> ManyclawError | None:
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        code, operation = error.response["Error"].get("Code", "?"), error.operation_name
        message = str(error.response["Error"].get("Message", ""))[:300]
        if "AccessDenied" in code or "NotAuthorized" in code or "UnrecognizedClient" in code or "Token" in code:
            return Refused(f"AWS refused {operation} ({code}).", hint=message)
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        kind = Unavailable if status >= 500 or "Throttl" in code else Misconfigured
        return kind(f"AWS answered {operation} with {code}.", hint=message)
    if isinstance(
        error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError | exceptions.ProfileNotFound
    ):
        return Refused(f"There are no AWS credentials: {error}.", hint="Name a profile in samconfig.toml or log in.")
    if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
        return Unavailable("AWS cannot be reached.", hint="Stage local: is `make dev` running?")
    if isinstance(error, exceptions.BotoCoreError):
        return Unavailable(f"AWS did not answer ({type(error).__name__}).")
    return None
