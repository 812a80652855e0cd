"""What a person may set for `make dev`, read from the environment once."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REAL_TELEGRAM = "https://api.telegram.org"
REAL_ANTHROPIC = "https://api.anthropic.com"
REGION = "us-east-1"


class SettingsError(Exception):
    """A setting that cannot be used, said with its name and value."""


@dataclass(frozen=True)
class Settings:
    """Settings of one stack. A URL that is None means: the simulator, whose port is chosen later."""

    port: int
    state: Path
    public_url: str | None
    telegram_api_url: str | None
    anthropic_base_url: str | None
    anthropic_api_key: str | None
    test_controls: bool
    seed: bool
    memory_delay: str | None
    template: Path
    stack_name: str

    @property
    def front_door(self) -> str:
        """Where the one port of this stack is."""
        return f"http://127.0.0.1:{self.port}"


def read_settings(environ: dict[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises SettingsError for a value that cannot be used."""
    env = dict(os.environ) if environ is None else environ
    port = env.get("MANYCLAW_PORT") or "8787"
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise SettingsError(f"MANYCLAW_PORT must be a port number, not {port!r}")
    key = env.get("ANTHROPIC_API_KEY") or None
    base = env.get("ANTHROPIC_BASE_URL") or (REAL_ANTHROPIC if key else None)
    return Settings(
        port=int(port),
        state=(ROOT / (env.get("MANYCLAW_STATE") or ".manyclaw")).resolve(),
        public_url=_url(env, "MANYCLAW_PUBLIC_URL"),
        telegram_api_url=_url(env, "TELEGRAM_API_URL"),
        anthropic_base_url=base.rstrip("/") if base else None,
        anthropic_api_key=key,
        test_controls=env.get("MANYCLAW_TEST_CONTROLS") == "1",
        seed=env.get("MANYCLAW_SEED") != "0",
        memory_delay=env.get("MANYCLAW_MEMORY_DELAY") or None,
        template=(ROOT / (env.get("MANYCLAW_TEMPLATE") or "template.yaml")).resolve(),
        stack_name="manyclaw",
    )


def _url(env: dict[str, str], name: str) -> str | None:
    value = (env.get(name) or "").rstrip("/")
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(f"{name} must be an http(s) URL, not {value!r}")
    return value or None
