"""One call, seen from the function: folders made, the keeper started, the end explained."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import manyclaw_skill
from manyclaw_sandbox.files import FilesRefused, pack, unpack
from manyclaw_sandbox.limits import LIMITS, Limits

_HERE = Path(__file__).resolve().parent
_PR_SET_DUMPABLE = 4
_KEEPER_SECONDS = 10.0
"""What the keeper may take beside the call's own time."""

_ROOM_FOR_NOTE = 60

_MOST_CODE = 2 * 1024 * 1024
_MOST_CODE_FILES = 200


@dataclass(frozen=True)
class Call:
    """What is to run: the skill's ``files`` and its ``scratch`` folder (zips), one tool, its arguments and secrets.

    ``namespaces`` False does without them where the kernel would give them, as on Lambda.
    """

    tool: str
    arguments: dict[str, Any]
    files: bytes
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    scratch: bytes | None = None
    network: bool = True
    namespaces: bool = True
    limits: Limits = LIMITS


@dataclass(frozen=True)
class Ended:
    """How it ended: a ``text`` for the model, or an ``error``. ``scratch`` is the folder if the call changed it.

    ``log`` is the end of what was printed, ``facts`` are for the function's own log line. ``broken`` says that the
    keeper was lost: something of the call may still be alive, and this environment should end.
    """

    text: str = ""
    error: str = ""
    scratch: bytes | None = None
    log: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    broken: bool = False


def hide_this_process() -> None:
    """Close this process's environment and memory to others of the same user, such as a skill's process.

    On Lambda both run as one user; the execution role's credentials and the runtime API's address stand in here.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def run_call(call: Call) -> Ended:
    """Run ``call`` to its end, whatever that is. Nothing that it started is alive afterwards.

    Raises
    ------
    FilesRefused
        The skill's files cannot be unpacked.
    """
    base = Path(tempfile.mkdtemp(prefix="call-"))
    try:
        skill, scratch = base / "skill", base / "scratch"
        skill.mkdir()
        scratch.mkdir()
        unpack(call.files, skill, most_bytes=_MOST_CODE, most_files=_MOST_CODE_FILES)
        if call.scratch:
            unpack(call.scratch, scratch, most_bytes=call.limits.scratch, most_files=call.limits.scratch_files)
        return _run(call, base)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _run(call: Call, base: Path) -> Ended:
    limits = call.limits
    before = pack(base / "scratch", most_bytes=limits.scratch, most_files=limits.scratch_files)
    request = json.dumps({"tool": call.tool, "arguments": call.arguments, "secrets": call.secrets})
    for name, content in (("call", request), ("result", ""), ("log", "")):
        (base / name).write_text(content)
        (base / name).chmod(0o600)
    order = {
        "python": str(Path(sys.executable).resolve()),
        "prefix": str(Path(sys.base_prefix).resolve()),
        "base": str(base),
        "program": str(_HERE),
        "library": str(Path(manyclaw_skill.__file__).resolve().parent),
        "network": call.network,
        "limits": asdict(limits),
    }
    began = time.monotonic()
    verdict = _keep(order | {"namespaces": call.namespaces}, limits.seconds)
    if verdict.get("ended") == "no fences":
        verdict = _keep(order | {"namespaces": False}, limits.seconds)
    facts = {"milliseconds": round((time.monotonic() - began) * 1000), **verdict}
    log = _head(base / "log", limits.log * 4)[-limits.log :]
    if "ended" not in verdict:
        return Ended(error="The tool's environment broke down.", log=log, facts=facts, broken=True)
    return _explained(call, base, before, verdict, log, facts)


def _loader() -> dict[str, str]:
    """The one variable that may be needed to start Python at all: Lambda's finds its own library by it."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


def _keep(order: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Start the keeper and wait for its verdict; an empty one when it broke down."""
    try:
        keeper = subprocess.run(  # noqa: S603
            [order["python"], "-I", "-S", "-B", str(_HERE / "keeper.py")],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            env=_loader(),
            timeout=seconds + _KEEPER_SECONDS,
            start_new_session=True,
            check=False,
        )
        verdict: dict[str, Any] = json.loads(keeper.stdout or "{}")
        return verdict
    except (subprocess.TimeoutExpired, ValueError):
        return {}


def _explained(
    call: Call, base: Path, before: bytes, verdict: dict[str, Any], log: str, facts: dict[str, Any]
) -> Ended:
    limits = call.limits
    refused = {
        "deadline": f"The tool was stopped: it ran longer than {limits.seconds:g} seconds.",
        "processor": f"The tool was stopped: it used more than {limits.processor_seconds} seconds of processor time.",
        "scratch": f"The tool was stopped: it wrote more than {_megabytes(limits.scratch)} or {limits.scratch_files} "
        "files into its folder.",
        "refused": "The tool cannot be run safely on this machine.",
    }.get(verdict["ended"])
    if refused:
        return Ended(error=refused, log=log, facts=facts)
    try:
        answer = json.loads(_head(base / "result", limits.file) or "{}")
        text, error = answer.get("text"), answer.get("error")
        if not isinstance(text if error is None else error, str):
            raise TypeError
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Ended(error=f"The tool ended without a result ({verdict['ended']}).", log=log, facts=facts)
    if error is not None:
        return Ended(error=_cut(error, limits.result), log=log, facts=facts)
    try:
        scratch = pack(base / "scratch", most_bytes=limits.scratch, most_files=limits.scratch_files)
    except (FilesRefused, OSError) as refusal:
        return Ended(error=f"The tool left too much in its folder: {refusal}.", log=log, facts=facts)
    return Ended(_cut(text, limits.result), "", scratch if scratch != before else None, log, facts)


def _head(path: Path, most: int) -> str:
    with path.open("rb") as file:
        return file.read(most).decode("utf-8", "replace")


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    kept = most - _ROOM_FOR_NOTE
    return f"{text[:kept]}\n[cut: {kept} of {len(text)} characters]"


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:g} MB"
