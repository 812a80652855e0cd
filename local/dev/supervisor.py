"""Brings the stack up in order, keeps it up, and takes it down in order."""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import time
from collections.abc import Awaitable
from typing import Any

from local.dev.build import Sam
from local.dev.children import Child
from local.dev.provision import Provisioner
from local.dev.settings import REGION, ROOT, Settings
from local.dev.state import StateError, StateFolder, is_free
from local.front_door import FrontDoor, serve
from local.relay import Relay
from local.relay_source import pairing_source

logger = logging.getLogger("manyclaw.dev")

_AGENT_WORKERS = 3  # kept warm, so that a few chats at once need no cold start


class SeedFailed(Exception):
    """The sample tenants could not be made."""


class Supervisor:
    """One stack, from `up` to `down`."""

    def __init__(self, settings: Settings, state: StateFolder) -> None:
        self.settings = settings
        self.state = state
        self.stack: dict[str, Any] = {}
        self._step: str | None = "the embedded AWS"
        self._children: dict[str, Child] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._door = FrontDoor(self.waiting_for)
        self._runner: Any = None

    def waiting_for(self) -> str | None:
        """What keeps the stack from taking messages, in words, or None."""
        if self._step:
            return self._step
        down = [child.name for child in self._children.values() if child.pid is None]
        return f"{', '.join(down)} (restarting)" if down else None

    async def up(self) -> None:
        """Start everything and write stack.json. Raises ChildFailed, BuildFailed or StateError."""
        started = time.monotonic()
        if not is_free(self.settings.port):
            raise StateError(
                f"port {self.settings.port} is taken{_holder_of(self.settings.port)}. "
                "Stop that program, or choose another port with MANYCLAW_PORT."
            )
        self._runner = await serve(self._door, self.settings.port)
        telegram, model, endpoint = self._start_children()
        provisioner = Provisioner(self.settings, self.state, endpoint)
        await self._children["aws"].wait_for(f"{endpoint}/_manyclaw/checkpoint")
        print(f"  embedded AWS … {time.monotonic() - started:.1f} s", flush=True)
        await self._deploy(provisioner, endpoint, telegram, model)
        outputs = await asyncio.to_thread(provisioner.outputs)
        operator = await asyncio.to_thread(self._provision, provisioner, outputs)
        self._door.api = f"{endpoint}/_aws/execute-api/{_api_id(outputs)}/$default"
        await self._wait_for_simulators()
        self.stack = self._describe(outputs, operator, endpoint, telegram, model)
        self._step = "warm functions"
        names = await asyncio.to_thread(provisioner.function_names)
        agent = outputs.get("AgentFunctionName")
        counts = {name: _AGENT_WORKERS if name == agent else 1 for name in names}
        await asyncio.to_thread(provisioner.warm, counts)
        await self._seed()
        self._step = None
        self.state.write_json("stack.json", self.stack)
        self._start_relay()
        print(self.banner(time.monotonic() - started), flush=True)

    def _start_children(self) -> tuple[str, str, str]:
        settings, state = self.settings, self.state
        aws_port = state.port("aws")
        runtime = f"python3.13={ROOT}/.tools/runtime-python3.13/bin/python"
        wrapper = [f"{ROOT}/.tools/ministack/bin/python", "-m", "local.aws", "--port", str(aws_port)]
        wrapper += ["--state", str(state.path), "--runtime", runtime]
        self._start("aws", "the embedded AWS", wrapper + (["--test-controls"] if settings.test_controls else []))
        telegram, model = settings.telegram_api_url, settings.anthropic_base_url
        python = [f"{ROOT}/.venv/bin/python", "-m", "local.child"]
        control = ["--control"] if settings.test_controls else []
        if telegram is None:
            port = state.port("telegram")
            telegram = f"http://127.0.0.1:{port}"
            folder = str(state.path / "telegram")
            self._start(
                "telegram",
                "the simulated Telegram",
                [*python, "local.telegram", "--port", str(port), "--state", folder, *control],
            )
            self._door.chat = telegram
        if model is None:
            port = state.port("model")
            model = f"http://127.0.0.1:{port}"
            self._start("model", "the simulated model", [*python, "local.model", "--port", str(port), *control])
        return telegram, model, f"http://127.0.0.1:{aws_port}"

    def _start(self, key: str, name: str, command: list[str]) -> None:
        # The person's keys and proxies are nothing that these should see.
        env = {variable: os.environ[variable] for variable in ("PATH", "HOME", "LANG") if variable in os.environ}
        child = Child(name, command, self.state.logs / f"{key}.log", {**env, "PYTHONUNBUFFERED": "1"})
        self._children[key] = child
        child.start()

    async def _deploy(self, provisioner: Provisioner, endpoint: str, telegram: str, model: str) -> None:
        sam = Sam(self.settings, self.state, endpoint)
        self._step = "sam build"
        built = await sam.build()
        self._step = "sam deploy"
        await asyncio.to_thread(provisioner.make_deploy_bucket)
        status = await asyncio.to_thread(provisioner.stack_status)
        if status in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"):
            await asyncio.to_thread(provisioner.delete_failed_stack)
            status = ""
        parameters = {"TelegramApiUrl": telegram, "AnthropicBaseUrl": model}
        if self.settings.memory_delay is not None:
            parameters["MemoryDelaySeconds"] = self.settings.memory_delay
        await sam.deploy(built, parameters, force=not status)

    def _provision(self, provisioner: Provisioner, outputs: dict[str, str]) -> dict[str, str]:
        self._step = "provisioning"
        if "TableName" in outputs:
            provisioner.set_ttl(outputs["TableName"])
            provisioner.lock_audit(outputs["AuditBucketName"])
        provisioner.write_anthropic_key()
        if "BucketName" in outputs:
            provisioner.write_gateway_config(outputs["BucketName"])
        return provisioner.make_operator(outputs.get("OperatorPolicyArn"), outputs.get("AuditorPolicyArn"))

    async def _wait_for_simulators(self) -> None:
        for key in ("telegram", "model"):
            if key in self._children:
                self._step = self._children[key].name
                await self._children[key].wait_for(f"http://127.0.0.1:{self.state.port_of(key)}/")

    def _describe(
        self, outputs: dict[str, str], operator: dict[str, str], endpoint: str, telegram: str, model: str
    ) -> dict[str, Any]:
        settings = self.settings
        return {
            "front_door": settings.front_door,
            "public_url": settings.public_url or settings.front_door,
            "aws_endpoint": endpoint,
            "region": REGION,
            "stack_name": settings.stack_name,
            "account_id": "000000000000",
            "operator": operator,
            "telegram_api_url": telegram,
            "telegram_is_simulated": settings.telegram_api_url is None,
            "anthropic_base_url": model,
            "anthropic_is_simulated": settings.anthropic_base_url is None,
            "outputs": outputs,
            "logs": str(self.state.logs),
            "test_controls": settings.test_controls,
            "pids": {"supervisor": os.getpid(), **{key: child.pid for key, child in self._children.items()}},
        }

    async def _seed(self) -> None:
        if not self.settings.seed:
            return
        self._step = "the sample tenants"
        try:
            await asyncio.to_thread(importlib.import_module("local.seed").seed, self.stack)
        except Exception as error:
            logger.exception("planting the sample tenants failed")
            raise SeedFailed(f"the sample tenants could not be planted: {error}") from error

    def _start_relay(self) -> None:
        """Relay real bots, unless Telegram can reach the webhook itself."""
        if self.settings.public_url is not None:
            return
        try:
            source = pairing_source(self.stack)
        except Exception as error:  # everything but real bots works without it
            logger.warning("real bots are not relayed: %s", error)
            return
        self._tasks.append(asyncio.create_task(Relay(self.settings.front_door, source).run(), name="relay"))

    def banner(self, seconds: float) -> str:
        """What a person wants to know once the stack is ready."""
        door = self.settings.front_door
        chat = f"{door}/chat" if self._door.chat else "your bots, in Telegram"
        model = "simulated (set ANTHROPIC_API_KEY for the real one)"
        if not self.stack["anthropic_is_simulated"]:
            model = str(self.stack["anthropic_base_url"])
        return "\n".join(
            (
                "",
                f"manyclaw is ready ({seconds:.1f} s)",
                f"  chat       {chat}",
                f"  dashboard  {door}/dashboard (a token: .venv/bin/manyclaw tokens create --operator)",
                f"  health     {door}/healthz",
                f"  model      {model}",
                "  operate    .venv/bin/manyclaw --help",
                f"  logs       {self.state.logs}",
                f"  state      {self.state.path}",
                "  stop       Ctrl-C, or `make down`",
            )
        )

    async def run(self) -> None:
        """Up, then wait for SIGINT or SIGTERM, then down."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        try:
            await _first(self.up(), stop.wait())
            await stop.wait()
        finally:
            await self.down()

    async def down(self) -> None:
        """Stop everything; the embedded AWS last, so that it saves what the others still did."""
        self._step = "the stop"
        self.state.stack_file.unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner:
            with contextlib.suppress(Exception):
                await self._runner.cleanup()
        others = [child for key, child in self._children.items() if key != "aws"]
        if "aws" in self._children:
            await self._children["aws"].stop()
        await asyncio.gather(*(child.stop() for child in others))


async def _first(work: Awaitable[None], interrupt: Awaitable[Any]) -> None:
    """Run `work`, but give it up when `interrupt` comes first."""
    working, interrupted = asyncio.ensure_future(work), asyncio.ensure_future(interrupt)
    try:
        await asyncio.wait({working, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, interrupted):
            task.cancel()
        await asyncio.gather(working, interrupted, return_exceptions=True)


def _api_id(outputs: dict[str, str]) -> str:
    """The HTTP API's id: an output of its own, else part of the API's URL."""
    if "ApiId" in outputs:
        return outputs["ApiId"]
    url = outputs["ApiUrl"].split("://", 1)[-1]
    if "/execute-api/" in url:
        return url.split("/execute-api/", 1)[1].split("/", 1)[0]
    return url.split(".", 1)[0]


def _holder_of(port: int) -> str:
    """Who listens on a port, if this system can tell, as ' by NAME (process N)'."""
    import shutil
    import subprocess

    lsof = shutil.which("lsof")
    command = [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"] if lsof else ["ss", "-Hltnp", f"sport = :{port}"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if lsof:
        fields = {line[0]: line[1:] for line in text.splitlines() if line}
        return f" by {fields['c']} (process {fields['p']})" if {"c", "p"} <= fields.keys() else ""
    _, _, users = text.partition('users:(("')
    name, _, rest = users.partition('",pid=')
    return f" by {name} (process {rest.split(',', 1)[0]})" if rest else ""
