"""Unpacked code and layers, one folder per content, shared by all workers.

MiniStack unpacks a function's zip and every layer's for each worker anew: a second worker of a function with a 40 MB
layer then takes seconds before it imports anything. Here each zip is unpacked once and compiled to .pyc with
unchecked hashes, as a layer for AWS is, so a further worker starts at import speed.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tempfile
import threading
import time
import zipfile
from collections import OrderedDict
from pathlib import Path

_KEEP_UNUSED_SECONDS = 3 * 86_400
_KNOWN_LIMIT = 32


class CodeCache:
    """Folders under `root`, named by the zip's SHA-256. Safe to use from several threads."""

    def __init__(self, root: Path, interpreter: str) -> None:
        self._root = root
        self._interpreter = interpreter
        self._lock = threading.Lock()
        # Hashing 40 MB at each spawn would cost 25 ms or more: remembered by identity, and the bytes are kept alive
        # so that an identity cannot be reused.
        self._known: OrderedDict[int, tuple[bytes, Path]] = OrderedDict()
        root.mkdir(parents=True, exist_ok=True)

    def folder(self, code: bytes) -> Path:
        """The folder with this zip's files, unpacked now if it is new."""
        with self._lock:
            known = self._known.get(id(code))
            if known:
                return known[1]
            target = self._root / hashlib.sha256(code).hexdigest()[:32]
            if target.is_dir():
                os.utime(target)
            else:
                self._unpack(code, target)
            self._known[id(code)] = (code, target)
            while len(self._known) > _KNOWN_LIMIT:
                self._known.popitem(last=False)
            return target

    def _unpack(self, code: bytes, target: Path) -> None:
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=self._root))
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(fresh)  # zipfile drops "..", and these are our own builds
            for member in archive.infolist():
                mode = member.external_attr >> 16
                if mode & 0o111 and not member.is_dir():
                    (fresh / member.filename).chmod(0o755)
        if not any(fresh.rglob("*.pyc")):
            compile_all = ["-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", str(fresh)]
            subprocess.run([self._interpreter, *compile_all], check=False, capture_output=True)
        fresh.chmod(0o755)
        fresh.rename(target)

    def prune(self) -> None:
        """Remove half-made folders and those that no worker has used for days."""
        oldest = time.time() - _KEEP_UNUSED_SECONDS
        for entry in self._root.iterdir():
            if entry.name.startswith("new-") or entry.stat().st_mtime < oldest:
                shutil.rmtree(entry, ignore_errors=True)
