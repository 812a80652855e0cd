"""``python -m local.model --port N``."""

import argparse

from aiohttp import web

from local.model.app import create_app


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m local.model", description="Simulated Anthropic Messages API.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--min-cache-tokens", type=int, default=1024, help="shorter prefixes are not cached")
    parser.add_argument("--context-window", type=int, default=200_000, help="tokens; longer prompts are refused")
    parser.add_argument("--control", action="store_true", help="accepted; the /_sim/ routes are always there")
    options = parser.parse_args()
    app = create_app(min_cache_tokens=options.min_cache_tokens, context_window=options.context_window)
    web.run_app(app, host=options.host, port=options.port, print=None, access_log=None, shutdown_timeout=1.0)


if __name__ == "__main__":
    main()
