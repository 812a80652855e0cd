"""What a cold start of the webhook imports, beside a handler that imports nothing."""

from __future__ import annotations

import os
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 15


def cold_import() -> dict[str, float]:
    """Milliseconds to import each handler in a fresh interpreter of the runtime, with its bytecode there: medians."""
    python = str(ROOT / ".tools/runtime-python3.13/bin/python")
    samples: dict[str, list[float]] = {"bare": [], "webhook": []}
    for _ in range(RUNS):
        samples["bare"].append(_import(python, "pass"))
        samples["webhook"].append(_import(python, "import functions.webhook.app"))
    bare, webhook = (statistics.median(samples[name]) for name in ("bare", "webhook"))
    return {
        "cold start of a bare interpreter, ms": round(bare),
        "cold start with the webhook's handler, ms": round(webhook),
        "the webhook's imports, ms over bare": round(webhook - bare),
    }


def _import(python: str, statement: str) -> float:
    code = f"{statement}\nimport time; print(time.monotonic_ns())"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}"}
    import time

    began = time.monotonic_ns()
    done = subprocess.run(
        [python, "-c", code], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    return (int(done.strip().splitlines()[-1]) - began) / 1e6
