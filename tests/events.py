"""The one loader of the sample events in ``events/``, which `sam local invoke` takes too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[1] / "events"


def event(name: str) -> dict[str, Any]:
    """The event ``events/{name}.json``, fresh at each call."""
    loaded: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    return loaded


def all_events(folder: str) -> list[str]:
    return sorted(f"{folder}/{path.stem}" for path in (_FOLDER / folder).glob("*.json"))
