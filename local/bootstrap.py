"""Make a machine that has only python3 and pip ready for `make dev` and `make test`.

Runs on the machine's own Python (3.9 or newer) with the standard library alone, because nothing else is there yet.
It finds or installs Python 3.13 and uv, then makes four environments: `.venv` (the project), and under `.tools/`
`ministack` (the embedded AWS), `sam` (SAM CLI) and `runtime-python3.13` (what functions see on Lambda besides their
layers). Each is stamped with a hash of what it was made from, so that a second run only compares stamps.
"""

from __future__ import annotations

import concurrent.futures
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
UV_PIN = "0.13.9"
PYTHON = "3.13"
TOOL_ENVIRONMENTS = ("ministack", "sam", "runtime-python3.13")

# A check that a path is a Python 3.13; replaced in tests.
Probe = Callable[[Path], bool]


class BootstrapError(Exception):
    """Something this machine lacks, said with what to do about it."""


def say(text: str) -> None:
    """One progress line for the person who waits."""
    print(f"  {text}", flush=True)


def run(command: list[str], *, env: dict[str, str] | None = None, what: str) -> str:
    """Run a command and return its output; on failure raise BootstrapError with the end of what it printed."""
    done = subprocess.run(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-25:])
        raise BootstrapError(f"{what} failed (exit {done.returncode}): {' '.join(command)}\n{tail}")
    return done.stdout


def is_python(path: Path) -> bool:
    """Whether `path` runs as Python 3.13. A pyenv shim of a version that is off exists but does not run."""
    if not path.is_file():
        return False
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([str(path), "-c", code], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == PYTHON


def folders_of_others(environ: dict[str, str]) -> list[str]:
    """PATH without our own environments and shims, which are about to be made from what is found on it."""
    ours = [folder.resolve() for folder in (TOOLS, ROOT / ".venv")]
    folders = environ.get("PATH", "").split(os.pathsep)
    return [folder for folder in folders if not any(Path(folder or ".").resolve().is_relative_to(own) for own in ours)]


def pyenv_roots(environ: dict[str, str]) -> list[Path]:
    """Where pyenv may keep its versions, also when its shims are not on PATH."""
    roots = [Path(environ["PYENV_ROOT"])] if environ.get("PYENV_ROOT") else []
    if environ.get("HOME"):
        roots.append(Path(environ["HOME"]) / ".pyenv")
    pyenv = shutil.which("pyenv", path=environ.get("PATH"))
    if pyenv:
        done = subprocess.run([pyenv, "root"], capture_output=True, text=True, env=environ)
        if done.returncode == 0 and done.stdout.strip():
            roots.append(Path(done.stdout.strip()))
    return list(dict.fromkeys(roots))


def version_key(path: Path) -> tuple[int, ...]:
    """Sorts `3.13.10` after `3.13.9`."""
    return tuple(int(part) if part.isdigit() else -1 for part in path.name.split("."))


def find_python(environ: dict[str, str], probe: Probe = is_python) -> tuple[Path, str] | None:
    """The machine's Python 3.13 and where it was found (PATH first, then pyenv), or None."""
    for name in (f"python{PYTHON}", "python3"):
        for folder in folders_of_others(environ):
            candidate = Path(folder or ".") / name
            if candidate.is_file() and probe(candidate):
                return candidate, "on PATH"
    for root in pyenv_roots(environ):
        for version in sorted((root / "versions").glob(f"{PYTHON}*"), key=version_key, reverse=True):
            candidate = version / "bin" / f"python{PYTHON}"
            if probe(candidate):
                return candidate, "in pyenv"
    return None


def python_from_uv(uv: Path) -> Path:
    """Python 3.13 that uv already manages, else the one it downloads. Raises BootstrapError if it cannot."""
    find = [str(uv), "python", "find", "--managed-python", PYTHON]
    done = subprocess.run(find, capture_output=True, text=True)
    if done.returncode:
        say(f"Python {PYTHON} is not on this machine: downloading it with uv")
        try:
            run([str(uv), "python", "install", PYTHON], what=f"installing Python {PYTHON} with uv")
        except BootstrapError as error:
            raise BootstrapError(
                f"Python {PYTHON} was not found on PATH or in pyenv, and uv could not download it.\n"
                f"Install it (`pyenv install {PYTHON}`, your system's package, or python.org) and run this again.\n"
                f"{error}"
            ) from error
        done = subprocess.run(find, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def find_uv() -> Path:
    """uv from PATH, else the pinned one installed by pip into `.tools/uv` (which needs neither venv nor ensurepip)."""
    found = shutil.which("uv", path=os.pathsep.join(folders_of_others(dict(os.environ))))
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return Path(found)
    target = TOOLS / "uv"
    binary = target / "bin" / "uv"
    if binary.is_file() and (target / ".pin").is_file() and (target / ".pin").read_text() == UV_PIN:
        return binary
    if importlib.util.find_spec("pip") is None:
        raise BootstrapError(
            f"neither uv nor pip is on this machine (looked with {sys.executable}).\n"
            "Install one of them: `apt-get install python3-pip`, or uv by its own installer, and run this again."
        )
    started = time.monotonic()
    shutil.rmtree(target, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pins = ROOT / "local" / "requirements" / "uv.txt"
    run([*pip, "--target", str(target), "--require-hashes", "-r", str(pins)], what="installing uv with pip")
    (target / ".pin").write_text(UV_PIN)
    say(f"uv {UV_PIN} … {time.monotonic() - started:.0f} s")
    return binary


def stamp_of(*parts: str | Path) -> str:
    """A hash over texts and files' contents: equal hashes mean that an environment need not be made again."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def is_current(environment: Path, stamp: str) -> bool:
    """Whether an environment was made from exactly this, at this place, and its interpreter is still there."""
    stamped = environment / ".manyclaw-stamp"
    return stamped.is_file() and stamped.read_text() == stamp and (environment / "bin" / "python").exists()


def project_stamp() -> str:
    """What `.venv` is made from."""
    return stamp_of(str(ROOT), ROOT / "uv.lock", ROOT / "pyproject.toml")


def tool_stamp(name: str) -> str:
    """What one of `.tools/` is made from."""
    return stamp_of(str(ROOT), ROOT / "local" / "requirements" / f"{name}.txt")


def make_project(uv: Path, python: Path) -> None:
    """`.venv`, exactly as uv.lock says."""
    env = {**os.environ, "UV_PROJECT_ENVIRONMENT": ".venv"}
    env.pop("VIRTUAL_ENV", None)
    run([str(uv), "sync", "--locked", "--quiet", "--python", str(python)], env=env, what="making .venv")


def make_tool(uv: Path, python: Path, name: str) -> None:
    """One environment of `.tools/`, exactly as its hashed requirements say."""
    target = TOOLS / name
    requirements = ROOT / "local" / "requirements" / f"{name}.txt"
    run([str(uv), "venv", "--quiet", "--clear", "--python", str(python), str(target)], what=f"making {name}")
    install = [str(uv), "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode"]
    run([*install, "--python", str(target / "bin" / "python"), str(requirements)], what=f"installing {name}")


def write_shims(python: Path, uv: Path) -> None:
    """Put `python3.13` (pyenv's own shim may be off), uv and sam into one folder, for PATH."""
    folder = TOOLS / "shims"
    folder.mkdir(exist_ok=True)
    for name, target in (("python3.13", python), ("uv", uv), ("sam", TOOLS / "sam" / "bin" / "sam")):
        shim = folder / name
        shim.write_text(f'#!/bin/sh\nexec "{target}" "$@"\n')
        shim.chmod(0o755)


def timed(name: str, target: Path, stamp: str, make: Callable[[], None]) -> None:
    """Make one environment, stamp it, and say how long that took."""
    started = time.monotonic()
    (target / ".manyclaw-stamp").unlink(missing_ok=True)
    make()
    (target / ".manyclaw-stamp").write_text(stamp)
    say(f"{name} … {time.monotonic() - started:.0f} s")


def bootstrap() -> None:
    """Bring every environment up to date. Raises BootstrapError if this machine cannot."""
    wanted = [(".venv", ROOT / ".venv", project_stamp())]
    wanted += [(name, TOOLS / name, tool_stamp(name)) for name in TOOL_ENVIRONMENTS]
    stale = [entry for entry in wanted if not is_current(entry[1], entry[2])]
    if not stale and (TOOLS / "shims" / "sam").exists():
        return
    print("Setting up (only what changed):", flush=True)
    # pyenv's shims, too, look on PATH for what to run: they must not find ours, which may come to name them.
    os.environ["PATH"] = os.pathsep.join(folders_of_others(dict(os.environ)))
    uv = find_uv()
    found = find_python(dict(os.environ))
    python, where = found if found else (python_from_uv(uv), "through uv")
    say(f"Python {PYTHON} … found {where}: {python}")
    write_shims(python, uv)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        futures = []
        for name, target, stamp in stale:
            make = partial(make_project, uv, python) if name == ".venv" else partial(make_tool, uv, python, name)
            futures.append(pool.submit(timed, name, target, stamp, make))
        for future in futures:
            future.result()


def main() -> int:
    """Take the lock (two `make` at once must not build one environment twice) and bootstrap."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up is running: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            bootstrap()
        except BootstrapError as error:
            print(f"\nSet-up stopped: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
