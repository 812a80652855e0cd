"""`python -m local.dev`: run the stack in the foreground; `--detach` in the background; `--down` stops it."""

import argparse
import asyncio
import logging
import sys

from local.dev.background import bring_down, bring_up
from local.dev.settings import Settings, SettingsError, read_settings


def foreground(settings: Settings) -> int:
    """Run until Ctrl-C or SIGTERM."""
    # Not needed, and slow to import, for --detach and --down.
    from local.dev.build import BuildFailed
    from local.dev.children import ChildFailed
    from local.dev.state import StateError, StateFolder
    from local.dev.supervisor import SeedFailed, Supervisor
    from local.parent import watch

    watch()
    state = StateFolder(settings.state)
    try:
        state.acquire()
        print("Starting manyclaw on this machine:", flush=True)
        asyncio.run(Supervisor(settings, state).run())
    except (StateError, BuildFailed, ChildFailed, SeedFailed) as error:
        print(f"\nerror: {error}", file=sys.stderr, flush=True)
        return 1
    print("stopped; state saved", flush=True)
    return 0


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="local.dev", description=__doc__)
    parser.add_argument("--detach", action="store_true", help="run in the background; return when it is ready")
    parser.add_argument("--down", action="store_true", help="stop the stack of this state folder")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for noisy in ("botocore", "boto3", "urllib3", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        settings = read_settings()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.down:
        return bring_down(settings)
    return bring_up(settings) if options.detach else foreground(settings)


if __name__ == "__main__":
    sys.exit(main())
