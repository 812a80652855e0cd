"""Calling a skill's tool: the agent's side of the function ``skills``.

That function has no rights at all. Whatever a call needs goes to it in the invocation: the files, the scratch folder,
the arguments, the secrets. What it gives back was made beside the tenant's own code and is believed no more than that:
it can be a text for the model and bytes for that skill's scratch folder, nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from manyclaw.aws import Clients
from manyclaw.errors import Conflict, PermanentError, Unavailable
from manyclaw.settings import Settings
from manyclaw.skills.index import Installed
from manyclaw.skills.store import load_bundle, scratch_path, secret_name
from manyclaw.tenancy import TenantScope, get_secret, read_text, write_text

CALL_SECONDS = 40.0
"""How long an invocation is waited for: the function's own timeout is 35 seconds, a call's 20."""

_MOST_SCRATCH = 3 * 1024 * 1024
_TRIES = 5
_REMEMBERED_CALLS = 20


class ToolFailed(PermanentError):
    """A skill's tool gave no result; the text is for the model to read."""


@dataclass(frozen=True)
class ToolAnswer:
    """What came of a call: ``text``, or ``error`` if the tool failed. ``log`` is the end of what it printed."""

    text: str
    error: str
    log: str = field(default="", repr=False)
    milliseconds: int = 0


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    text: str = Field(default="", max_length=100_000)
    error: str = Field(default="", max_length=100_000)
    scratch: str | None = Field(default=None, max_length=_MOST_SCRATCH * 4 // 3)
    log: str = Field(default="", max_length=100_000)
    facts: dict[str, Any] = Field(default={})


@dataclass(frozen=True)
class _Scratch:
    """A scratch folder as it is kept: the zip in base64, and the results of the last calls that wrote it."""

    etag: str = ""
    files: str | None = None
    calls: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """Calls tools. ``clients`` are those of the caller's own role, which may invoke the function."""

    clients: Clients
    settings: Settings
    sleep: Callable[[float], None]

    def call(
        self,
        scope: TenantScope,
        skill: Installed,
        tool: str,
        arguments: dict[str, Any],
        call: str,
        *,
        keep: bool = True,
    ) -> ToolAnswer:
        """Run one tool.

        Parameters
        ----------
        call
            Names the call within the tenant. If it has written its scratch folder before, as when the agent died
            right after, it is not run again: its result is given.
        keep
            False leaves the scratch folder as it was.

        Raises
        ------
        BadInput
            The arguments do not fit the tool.
        Unavailable
            The platform did not run it; it may be tried again.
        """
        bundle = load_bundle(scope, skill)
        request = {
            "tenant": scope.tenant,
            "skill": skill.name,
            "tool": tool,
            "arguments": bundle.tool(tool).check(arguments),
            "files": base64.b64encode(bundle.archive).decode(),
            "secrets": self._secrets(scope, skill),
        }
        for again in range(_TRIES):
            scratch = _read(scope, skill)
            if call in scratch.calls:
                return ToolAnswer(scratch.calls[call], "")
            answer = self._invoke(scope, {**request, "scratch": scratch.files})
            said = ToolAnswer(answer.text, answer.error, answer.log, _whole(answer.facts.get("milliseconds")))
            if answer.scratch is None or answer.error or not keep:
                return said
            try:
                _write(scope, skill, scratch, answer, call)
            except Conflict:
                self.sleep(0.05 * 2**again)
                continue
            return said
        return ToolAnswer("", "The tool is busy with other calls; try again in a moment.")

    def _secrets(self, scope: TenantScope, skill: Installed) -> dict[str, str]:
        found = {name: get_secret(scope, secret_name(skill.name, name)) for name in skill.secrets}
        return {name: value for name, value in found.items() if value is not None}

    def _invoke(self, scope: TenantScope, request: dict[str, Any]) -> _Answer:
        from botocore.exceptions import ClientError, ReadTimeoutError

        try:
            answer = self.clients.impatient("lambda", CALL_SECONDS).invoke(
                FunctionName=self.settings.skills_function,
                TenantId=scope.tenant,
                Payload=json.dumps(request).encode(),
            )
            payload = answer["Payload"].read()
        except ReadTimeoutError:
            return _Answer(error="The tool gave no answer in time.")
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in ("TooManyRequestsException", "ServiceException", "EC2ThrottledException"):
                raise Unavailable(f"The function for skills is busy ({code}).", retry_after=2) from None
            raise
        if answer.get("FunctionError"):
            return _Answer(error="The tool broke its environment; nothing of the call was kept.")
        try:
            return _Answer.model_validate_json(payload)
        except ValidationError:
            return _Answer(error="The tool gave an answer that cannot be read.")


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _read(scope: TenantScope, skill: Installed) -> _Scratch:
    stored = read_text(scope.clients.s3, scope.bucket, scope.object_key(scratch_path(skill.name)))
    if stored is None:
        return _Scratch()
    kept = json.loads(stored.data)
    return _Scratch(stored.etag, kept["files"], kept["calls"])


def _write(scope: TenantScope, skill: Installed, before: _Scratch, answer: _Answer, call: str) -> None:
    calls = dict(list(before.calls.items())[-_REMEMBERED_CALLS + 1 :]) | {call: answer.text}
    text = json.dumps({"files": answer.scratch, "calls": calls}, ensure_ascii=False)
    key = scope.object_key(scratch_path(skill.name))
    write_text(scope.clients.s3, scope.bucket, key, text, etag=before.etag, content_type="application/json")
