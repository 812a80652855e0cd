"""The stack's other processes: started, watched, restarted with growing pauses, and stopped together."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

from local.dev.settings import ROOT
from local.dev.state import tail
from local.parent import VARIABLE

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_STEADY_SECONDS = 20.0
_STOP_SECONDS = 10.0


class ChildFailed(Exception):
    """A process that the stack needs did not come up; the text has the end of its log."""


class Child:
    """One process. Its stdout and stderr go to a log file, appended."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._log = log
        self._env = env
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        # The read end is inherited; the write end stays here, and its closing (however this process ends) is what
        # tells the child to stop.
        self._alive, self._held = os.pipe()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Start the process and keep it running until `stop`."""
        self._task = asyncio.create_task(self._run(), name=f"child {self.name}")

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    cwd=ROOT,
                    env={**self._env, VARIABLE: str(self._alive)},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(self._alive,),
                    start_new_session=True,  # Ctrl-C reaches this process alone, which then stops them in order
                )
            code = await self._process.wait()
            self.restarts += 1
            if time.monotonic() - started > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            print(f"{self.name} ended (exit {code}); starting it again in {pause:.1f} s. Log: {self._log}", flush=True)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def wait_for(self, url: str, seconds: float = 30.0) -> None:
        """Return when the URL answers at all. Raises ChildFailed if it does not in time or keeps dying."""
        deadline = time.monotonic() + seconds
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < deadline and self.restarts < 3:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                    async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)):
                        return
                await asyncio.sleep(0.05)
        raise ChildFailed(f"{self.name} did not come up.\n{tail(self._log)}")

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL if it has not ended after 10 s."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        process = self._process
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), _STOP_SECONDS)
                except TimeoutError:
                    process.kill()
                    await process.wait()
        for descriptor in (self._alive, self._held):
            with contextlib.suppress(OSError):
                os.close(descriptor)
