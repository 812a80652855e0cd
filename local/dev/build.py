"""`sam build` and `sam deploy`, each only when what goes into it has changed."""

import asyncio
import hashlib
import json
import os
import platform
import shutil
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from local.dev.settings import REGION, ROOT, Settings
from local.dev.state import StateFolder

DEPLOY_BUCKET = "manyclaw-deploy"
_SOURCES = ("template.yaml", "samconfig.toml", "functions", "shared", "layers")
_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


class BuildFailed(Exception):
    """sam ended with an error; the text has the end of its output."""


def hash_of(paths: Iterable[Path]) -> str:
    """A hash over names and contents of files and folders, without what Python and tools leave behind."""
    digest = hashlib.sha256()
    for top in paths:
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(top.parent)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def sources_hash(settings: Settings) -> str:
    """What `sam build` depends on."""
    sources = [ROOT / name for name in _SOURCES if name != "template.yaml"]
    return hash_of([settings.template, *(path for path in sources if path.exists())])


class _AnyTag(yaml.SafeLoader):
    """Reads a template without knowing CloudFormation's tags."""


_AnyTag.add_multi_constructor("!", lambda loader, suffix, node: None)


def declared_parameters(template: Path) -> set[str]:
    """The names of a template's parameters."""
    document = yaml.load(template.read_text(), Loader=_AnyTag)  # noqa: S506 -- a SafeLoader
    return set(document.get("Parameters") or {})


def configured_parameters() -> dict[str, str]:
    """Parameter overrides of samconfig.toml's `local` stage, which ours are laid over."""
    path = ROOT / "samconfig.toml"
    if not path.exists():
        return {}
    stage = tomllib.loads(path.read_text()).get("local", {})
    overrides: Any = stage.get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
    pairs = overrides.split() if isinstance(overrides, str) else overrides
    return {name: value.strip('"') for name, _, value in (pair.partition("=") for pair in pairs)}


def layer_platform(system: str, machine: str) -> str:
    """uv's name of this machine's platform: layers run here, so their wheels must be for here and not for Lambda."""
    arm = machine in ("arm64", "aarch64")
    if system == "Darwin":
        return "aarch64-apple-darwin" if arm else "x86_64-apple-darwin"
    return "aarch64-manylinux_2_28" if arm else "x86_64-manylinux_2_28"


SHIMS = ROOT / ".tools" / "shims"
"""Where the bootstrap put `python3.13`, `uv` and `sam`, for PATH."""


def project_uv() -> Path:
    """uv from the bootstrap, else the one on PATH, which the bootstrap then used."""
    own = ROOT / ".tools/uv/bin/uv"
    return own if own.exists() else Path(shutil.which("uv") or "uv")


class Sam:
    """SAM CLI, aimed at the embedded AWS."""

    def __init__(self, settings: Settings, state: StateFolder, aws_endpoint: str) -> None:
        self._settings = settings
        self._state = state
        self._endpoint = aws_endpoint
        self._build = state.path / "build"
        self._log = state.logs / "sam.log"

    async def build(self) -> str:
        """Build if the sources changed, and return their hash. Raises BuildFailed."""
        wanted = sources_hash(self._settings)
        if self._state.stamp("build") == wanted and (self._build / "template.yaml").exists():
            return wanted
        started = time.monotonic()
        self._state.set_stamp("build", "")
        await self._sam(
            "build",
            *("--template-file", str(self._settings.template)),
            *("--build-dir", str(self._build)),
            *("--cache-dir", str(self._state.path / "build-cache")),
            *("--cached", "--parallel"),
        )
        self._state.set_stamp("build", wanted)
        print(f"  sam build … {time.monotonic() - started:.0f} s", flush=True)
        return wanted

    async def deploy(self, built: str, parameters: dict[str, str], *, force: bool) -> None:
        """Deploy if the build or a parameter changed (or `force`: the stack is not there). Raises BuildFailed."""
        template = self._build / "template.yaml"
        declared = declared_parameters(template)
        merged = {**configured_parameters(), **parameters}
        chosen = {name: value for name, value in sorted(merged.items()) if name in declared}
        wanted = hashlib.sha256(json.dumps([built, chosen]).encode()).hexdigest()
        if not force and self._state.stamp("deploy") == wanted:
            return
        started = time.monotonic()
        overrides = [f"{name}={value}" for name, value in chosen.items()]
        await self._sam(
            "deploy",
            *("--template-file", str(template)),
            *("--stack-name", self._settings.stack_name),
            *("--s3-bucket", DEPLOY_BUCKET, "--region", REGION, "--capabilities", *_CAPABILITIES),
            *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
            *(("--parameter-overrides", *overrides) if overrides else ()),
        )
        self._state.set_stamp("deploy", wanted)
        print(f"  sam deploy … {time.monotonic() - started:.0f} s", flush=True)

    async def _sam(self, command: str, *arguments: str) -> None:
        config = ["--config-env", "local"] if (ROOT / "samconfig.toml").exists() else []
        process = await asyncio.create_subprocess_exec(
            str(ROOT / ".tools/sam/bin/sam"),
            command,
            *arguments,
            *config,
            cwd=ROOT,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
        with self._log.open("ab") as log:
            log.write(f"\n=== sam {command} {' '.join(arguments)}\n".encode() + output)
        if process.returncode:
            text = output.decode(errors="replace").strip()
            raise BuildFailed(
                f"sam {command} failed (exit {process.returncode}):\n" + "\n".join(text.splitlines()[-40:])
            )

    def _environment(self) -> dict[str, str]:
        """The person's environment, with python3.13 and uv on PATH and no AWS account but the embedded one."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "VIRTUAL_ENV"))
        }
        return {
            **kept,
            "PATH": os.pathsep.join([str(SHIMS), kept.get("PATH", os.defpath)]),
            "SAM_CLI_TELEMETRY": "0",
            "MANYCLAW_LAYER_PLATFORM": layer_platform(platform.system(), platform.machine()),
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
