"""Unpacks the layer's native libraries to the temporary folder and loads them, once a process.

A library that is loaded already satisfies every other one that is linked to it by name, wherever its file is. So the
packed ones are loaded first, and then LanceDB, pyarrow and numpy find them as if they were beside them.
"""

import ctypes
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_PACKED = Path(__file__).with_name("packed")


def unpack() -> None:
    """Make ``import lancedb`` possible. Takes about half a second the first time, next to nothing after that."""
    manifest = json.loads((_PACKED / "manifest.json").read_text())
    wanted = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"lancedb-{wanted}"
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(lambda entry: _unpack(entry, folder), sorted(manifest, key=lambda entry: -entry["bytes"])))
    libraries = [str(folder / entry["file"]) for entry in manifest if not entry["module"]]
    _load(libraries)
    for entry in manifest:
        if entry["module"] and entry["module"] not in sys.modules:
            _import(entry["module"], str(folder / entry["file"]))


def _unpack(entry: dict[str, object], folder: Path) -> None:
    from backports import zstd

    target = folder / str(entry["file"])
    if target.exists() and target.stat().st_size == entry["bytes"]:
        return
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as fresh:
        fresh.write(zstd.decompress((_PACKED / f"{target.name}.zst").read_bytes()))
    Path(fresh.name).chmod(0o755)
    Path(fresh.name).replace(target)


def _load(libraries: list[str]) -> None:
    """Load them whatever their order: one that needs another waits for it."""
    waiting = libraries
    while waiting:
        missing = []
        for path in waiting:
            try:
                ctypes.CDLL(path)
            except OSError:
                missing.append(path)
        if len(missing) == len(waiting):
            ctypes.CDLL(missing[0])  # raises, and says what it lacks
        waiting = missing


def _import(name: str, path: str) -> None:
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.util.spec_from_loader(name, loader, origin=path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
