"""The program between the function and a tenant's code: builds the fences, starts the code, watches it, ends it.

Started with an empty environment and its order as JSON on stdin; writes one JSON object with how it ended. It is ours
and trusted, and stays outside of the fences.

What every kernel gives: limits of each process, no inherited environment, one subreaper that ends every descendant
whatever session it hid in. Where the kernel lets us make namespaces (the embedded stack on Linux), the code also sees
no process, no file and no network but its own. On Lambda it does not, and need not: the whole environment is one
tenant's.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import time
from typing import Any

_ROOTS_USER = 62_000
_NO_FENCES, _NO_START = 125, 126
_PROGRAM = "/opt/sandbox"
_LIBRARY = "/opt/library"
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38


def main() -> None:
    """Run the order."""
    order = json.loads(sys.stdin.buffer.read())
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
    import fences  # type: ignore[import-not-found]  # by its folder: the package would load what only callers need

    fences.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    verdict = Keeper(order, fences).run()
    json.dump(verdict, sys.stdout)


class Keeper:
    """One call's keeper."""

    def __init__(self, order: dict[str, Any], fences: Any) -> None:
        self._order = order
        self._fences = fences
        self._limits = order["limits"]
        self._base = order["base"]

    def run(self) -> dict[str, Any]:
        """Start, watch, clear up; gives ``ended`` and which fences held."""
        try:
            inside = self._order["namespaces"] and self._fences.enter(network=self._order["network"])
        except OSError:
            return {"ended": "no fences", "fences": "half"}
        self._fences.prctl(_PR_SET_DUMPABLE, 0)
        if not inside and os.getuid() == 0 and not self._fences.reachable(self._order["python"]):
            return {"ended": "refused", "fences": "none"}
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            self._be_init(inside)
        ended = self._watch(child, began + self._limits["seconds"])
        self._clear_up(child)
        return {"ended": ended, "fences": "namespaces" if inside else "limits"}

    def _watch(self, child: int, deadline: float) -> str:
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return self._how(status)
            if time.monotonic() > deadline:
                return "deadline"
            if self._scratch_is_full():
                return "scratch"
            signal.sigtimedwait({signal.SIGCHLD}, 0.05)

    def _how(self, status: int) -> str:
        code = os.waitstatus_to_exitcode(status)
        if code == _NO_FENCES:
            return "no fences"
        number = -code if code < 0 else code - 128 if code > 128 else 0
        if number == signal.SIGXCPU or (number == signal.SIGKILL and self._used_processor()):
            return "processor"
        return f"signal {number}" if number else f"exit status {code}"

    def _used_processor(self) -> bool:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return bool(used.ru_utime + used.ru_stime >= self._limits["processor_seconds"] - 1)

    def _scratch_is_full(self) -> bool:
        total = count = 0
        pending = [os.path.join(self._base, "scratch")]
        while pending:
            with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
                for entry in entries:
                    count += 1
                    if count > 20 * self._limits["scratch_files"]:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        with contextlib.suppress(OSError):
                            total += entry.stat(follow_symlinks=False).st_size
        return bool(total > 2 * self._limits["scratch"])

    def _clear_up(self, child: int) -> None:
        """End every descendant: those that lose their parent become ours, so a few rounds reach all."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            mine = self._fences.children(os.getpid())
            for pid in mine:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if not mine:
                return

    # ------------------------------------------------------------------ the processes below
    def _be_init(self, inside: bool) -> None:
        """The first process within: builds the file system, starts the code as a child, and ends as that ends."""
        try:
            self._fences.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            call = os.open(f"{self._base}/call", os.O_RDONLY)
            result = os.open(f"{self._base}/result", os.O_WRONLY)
            log = os.open(f"{self._base}/log", os.O_WRONLY)
            user = _ROOTS_USER + os.getppid() % 3_000 if os.getuid() == 0 else None
            folders = [f"{self._base}/skill", f"{self._base}/scratch"]
            if user:
                self._fences.give(folders[1], user)
            if inside:
                folders = self._fences.build(self._order, _PROGRAM, _LIBRARY)
            code = os.fork()
            if code == 0:
                self._be_code(inside, user, folders, (call, log, result))
            os._exit(self._relay(code))
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(_NO_FENCES if inside else _NO_START)

    def _relay(self, code: int) -> int:
        while True:
            pid, status = os.wait()
            if pid == code:
                ended = os.waitstatus_to_exitcode(status)
                return ended if ended >= 0 else 128 - ended

    def _be_code(self, inside: bool, user: int | None, folders: list[str], files: tuple[int, int, int]) -> None:
        try:
            os.setsid()
            if not inside:
                os.chmod(self._base, 0o711)
            processes = self._limits["processes"] + (0 if inside or user else self._fences.tasks_of_user())
            if user:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            call, log, result = files
            for source, target in ((call, 0), (log, 1), (log, 2), (result, 3)):
                os.dup2(source, target)
            os.closerange(4, 256)
            program, library = (_PROGRAM, _LIBRARY) if inside else (self._order["program"], self._above_library())
            self._limit(processes)
            self._fences.prctl(_PR_SET_NO_NEW_PRIVS, 1)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            python = self._order["python"]
            arguments = [python, "-I", "-S", "-B", "-X", "utf8", f"{program}/run.py", library, *folders, "3"]
            os.execve(python, arguments, self._loader())
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(_NO_START)

    def _loader(self) -> dict[str, str]:
        """Nothing, or where Python's own library lies."""
        return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}

    def _above_library(self) -> str:
        return str(os.path.dirname(self._order["library"]))

    def _limit(self, processes: int) -> None:
        limits = self._limits
        for what, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, limits["file"]),
            (resource.RLIMIT_NOFILE, limits["open_files"]),
            (resource.RLIMIT_CPU, limits["processor_seconds"]),
            (resource.RLIMIT_NPROC, processes),
            (resource.RLIMIT_AS, limits["memory"]),
        ):
            resource.setrlimit(what, (most, most + 1 if what == resource.RLIMIT_CPU else most))


if __name__ == "__main__":
    main()
