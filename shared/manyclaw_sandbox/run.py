"""The program of the innermost process: imports the skill, calls one function, writes one JSON object.

Started as ``python -I -S -B run.py FOLDER_OF_MANYCLAW_SKILL FOLDER_OF_SKILL SCRATCH RESULT_FD`` with an empty
environment and the call as JSON on stdin. What it writes is believed no more than the skill itself: the skill runs in
this very process.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

_MOST = 1_000_000
"""Characters of a result that leave this process; the caller cuts it further, with a note."""


def main() -> None:
    """Run the call and write its result."""
    library, skill, scratch, descriptor = sys.argv[1:5]
    call = json.loads(sys.stdin.buffer.read())
    sys.argv = ["tools.py"]
    os.environ.clear()
    sys.path[:0] = [skill, library]
    os.chdir(scratch)
    try:
        answer = {"text": _text(_run(call, scratch))[:_MOST]}
    except BaseException as error:
        answer = {"error": _explain(error, skill)}
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    try:
        data = json.dumps(answer, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        data = json.dumps({"error": f"The result has no JSON form ({error})."})
    cut = data.encode("utf-8", "replace")
    while cut:
        cut = cut[os.write(int(descriptor), cut) :]
    os._exit(0)


def _run(call: dict[str, Any], scratch: str) -> Any:
    import manyclaw_skill

    manyclaw_skill._secrets.update(call["secrets"])
    manyclaw_skill._scratch = Path(scratch)
    import tools  # type: ignore[import-not-found]  # the skill's own

    function = getattr(tools, call["tool"], None)
    if function is None or not getattr(function, "__manyclaw_tool__", False):
        raise manyclaw_skill.ToolError(f"tools.py has no tool {call['tool']!r}.")
    result = function(**call["arguments"])
    if inspect.iscoroutine(result):

        async def wait() -> Any:
            return await result

        return asyncio.run(wait())
    return result


def _text(result: Any) -> str:
    if isinstance(result, str):
        return result
    return "Done." if result is None else json.dumps(result, ensure_ascii=False, default=str)


def _explain(error: BaseException, skill: str) -> str:
    if type(error).__name__ == "ToolError":
        return str(error)
    if isinstance(error, MemoryError):
        return "It needed more memory than a call may have."
    where = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(skill)]
    traceback.print_exception(error, limit=-8)
    place = f" ({where[-1].filename.removeprefix(skill).lstrip('/')}, line {where[-1].lineno})" if where else ""
    return f"{type(error).__name__}: {str(error)[:500]}{place}"


if __name__ == "__main__":
    main()
