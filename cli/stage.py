"""Where a stage's deployment is: in the embedded stack's ``stack.json``, or samconfig.toml and CloudFormation."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manyclaw.aws import Clients, Credentials, error_code
from manyclaw.errors import Misconfigured, NotFound
from manyclaw.settings import REAL_ANTHROPIC, REAL_TELEGRAM, Settings

ROOT = Path(__file__).resolve().parents[1]
LOCAL = "local"


@dataclass(frozen=True)
class Stage:
    """One deployment, as its operator sees it.

    Attributes
    ----------
    public_url
        What setWebhook is given, without ``/telegram/{tenant}``.
    telegram_api_urls
        The Bot API servers that a token may belong to; the first is the deployment's default.
    chat_page
        Where one talks to the simulated Telegram's bots; "" when the default Bot API server is none.
    allow_relay
        A relay serves the bots that Telegram cannot post to: on the embedded stack without a public URL.
    """

    name: str
    settings: Settings
    clients: Clients = field(repr=False)
    public_url: str
    telegram_api_urls: tuple[str, ...]
    chat_page: str
    allow_relay: bool
    health_url: str
    outputs: Mapping[str, str]
    test_controls: bool = False
    """The embedded stack lets tests hold and drop calls to its AWS."""


def load_stage(name: str) -> Stage:
    """The deployment called ``name``.

    Raises
    ------
    NotFound
        Nothing is known of it: the embedded stack is not up, or samconfig.toml does not name it.
    """
    return local_stage(stack_file()) if name == LOCAL else _deployed_stage(name, ROOT / "samconfig.toml")


def state_folder() -> Path:
    """The embedded stack's state folder: ``$MANYCLAW_STATE``, or ``.manyclaw`` in the project."""
    return (ROOT / (os.environ.get("MANYCLAW_STATE") or ".manyclaw")).resolve()


def stack_file() -> dict[str, Any]:
    """The content of stack.json. Raises ``NotFound`` when the stack is not up, ``Misconfigured`` when it is no JSON."""
    path = state_folder() / "stack.json"
    try:
        stack: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise NotFound(
            f"The embedded stack is not up: there is no {path}.", hint="Start it with `make dev`, or name a --stage."
        ) from None
    except ValueError:
        raise Misconfigured(f"{path} is no JSON.", hint="`make dev` writes it anew.") from None
    return stack


def local_stage(stack: Mapping[str, Any]) -> Stage:
    """The embedded stack that ``stack``, the content of stack.json, describes.

    Raises
    ------
    Misconfigured
        It lacks something: another version wrote it.
    """
    try:
        operator = stack["operator"]
        outputs = {str(key): str(value) for key, value in stack["outputs"].items()}
        simulated = bool(stack["telegram_is_simulated"])
        telegram = str(stack["telegram_api_url"]).rstrip("/")
        front_door = str(stack["front_door"]).rstrip("/")
        public_url = str(stack.get("public_url") or front_door).rstrip("/")
        return Stage(
            name=LOCAL,
            settings=_settings(
                stack["stack_name"], stack["region"], outputs, telegram, stack.get("anthropic_base_url", REAL_ANTHROPIC)
            ),
            clients=Clients(
                stack["region"],
                Credentials(operator["access_key_id"], operator["secret_access_key"]),
                stack["aws_endpoint"],
            ),
            public_url=public_url,
            telegram_api_urls=(telegram, REAL_TELEGRAM) if simulated else (telegram,),
            chat_page=f"{front_door}/chat" if simulated else "",
            allow_relay=public_url == front_door,
            health_url=f"{front_door}/healthz",
            outputs=outputs,
            test_controls=bool(stack.get("test_controls")),
        )
    except KeyError as error:
        raise Misconfigured(f"stack.json has no {error}.", hint="Run `make dev` again.") from None


def read_samconfig(path: Path, name: str) -> dict[str, str]:
    """The deploy parameters of environment ``name`` in samconfig.toml, those that are texts.

    Raises
    ------
    NotFound, Misconfigured
        There is no such environment; the file is no TOML.
    """
    try:
        config = tomllib.loads(path.read_text())
    except FileNotFoundError:
        config = {}
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} cannot be read: {error}.") from None
    found: dict[str, str] = {}
    for section in ("global", "deploy"):
        parameters = config.get(name, {}).get(section, {}).get("parameters", {})
        found |= {key: value for key, value in parameters.items() if isinstance(value, str)}
    if not found:
        known = sorted({LOCAL, *(key for key, value in config.items() if isinstance(value, dict))} - {"default"})
        raise NotFound(f"samconfig.toml has no stage {name!r}.", hint=f"Stages: {', '.join(known)}.")
    return found


def _deployed_stage(name: str, samconfig: Path) -> Stage:
    parameters = read_samconfig(samconfig, name)
    region = parameters.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    stack_name = parameters.get("stack_name")
    if not region or not stack_name:
        raise Misconfigured(
            f"Stage {name} in samconfig.toml names no {'region' if stack_name else 'stack_name'}.",
            hint=f"Put it under [{name}.deploy.parameters].",
        )
    clients = Clients(region, profile=parameters.get("profile"))
    outputs, given = _describe(clients, stack_name)
    telegram = given.get("TelegramApiUrl", REAL_TELEGRAM).rstrip("/")
    api_url = outputs.get("ApiUrl", "").rstrip("/")
    return Stage(
        name=name,
        settings=_settings(stack_name, region, outputs, telegram, given.get("AnthropicBaseUrl", REAL_ANTHROPIC)),
        clients=clients,
        public_url=api_url,
        telegram_api_urls=(telegram,),
        chat_page="",
        allow_relay=False,
        health_url="",
        outputs=outputs,
    )


def _describe(clients: Clients, stack_name: str) -> tuple[dict[str, str], dict[str, str]]:
    """The stack's outputs and its parameters' values."""
    from botocore.exceptions import ClientError

    try:
        stack = clients.get("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if error_code(error) == "ValidationError":
            raise NotFound(f"There is no stack {stack_name}.", hint="Deploy it first: `sam deploy`.") from None
        raise
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    return outputs, {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}


def _settings(stack: str, region: str, outputs: Mapping[str, str], telegram: str, anthropic: str) -> Settings:
    try:
        return Settings(
            stack=stack,
            region=region,
            table=outputs["TableName"],
            bucket=outputs["BucketName"],
            inbound_queue_url=outputs.get("InboundQueueUrl", ""),
            tenant_role_arn=outputs["TenantRoleArn"],
            telegram_api_url=telegram,
            anthropic_base_url=anthropic.rstrip("/"),
            skills_function=outputs.get("SkillsFunctionName", ""),
            memory_queue_url=outputs.get("MemoryQueueUrl", ""),
            memory_function=outputs.get("MemoryFunctionName", ""),
            audit_bucket=outputs.get("AuditBucketName", ""),
        )
    except KeyError as error:
        raise Misconfigured(f"The stack {stack} has no output {error}.", hint="Deploy this version of it.") from None
