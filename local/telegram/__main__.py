"""``python -m local.telegram --port N --state DIR``."""

import argparse
from pathlib import Path

from aiohttp import web

from local.telegram.app import create_app


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m local.telegram", description="Simulated Telegram Bot API.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, help="folder of the state; it survives SIGKILL")
    parser.add_argument("--enforce-rates", action="store_true", help="about one message a second and chat, else 429")
    parser.add_argument("--retry-seconds", type=float, default=2.0, help="first wait before a webhook is tried again")
    parser.add_argument("--control", action="store_true", help="accepted; the /_sim/ routes are always there")
    options = parser.parse_args()
    app = create_app(options.state, enforce_rates=options.enforce_rates, retry_seconds=options.retry_seconds)
    web.run_app(app, host=options.host, port=options.port, print=None, access_log=None, shutdown_timeout=1.0)


if __name__ == "__main__":
    main()
