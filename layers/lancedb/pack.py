"""Put the largest native libraries into one zstd file each; ``lancedb_packed`` unpacks them where they run.

Needs backports.zstd (the standard library's compression.zstd from Python 3.14 on).
"""

import hashlib
import json
import sys
from pathlib import Path

from backports import zstd

LEVEL = 9
"""Level 19 saves another 8 MB and takes 80 s longer."""

# Libraries that others are linked to come in the order in which they need each other. Elsewhere than on Linux the
# names differ: nothing is packed then, and nothing has to be, since only Lambda has a limit.
_LIBRARIES = ("numpy.libs/*.so*", "pyarrow/libarrow.so.*", "pyarrow/libarrow_compute.so.*", "pyarrow/libparquet.so.*")
_MODULES = {"lancedb._lancedb": "lancedb/_lancedb.abi3.so"}


def main(top: Path) -> None:
    """Pack in place, and write what was packed into ``packed/manifest.json``."""
    packed = top / "packed"
    packed.mkdir()
    manifest = []
    libraries = [(file, "") for pattern in _LIBRARIES for file in sorted(top.glob(pattern))]
    modules = [(top / path, name) for name, path in _MODULES.items() if (top / path).exists()]
    for file, module in libraries + modules:
        data = file.read_bytes()
        (packed / f"{file.name}.zst").write_bytes(zstd.compress(data, LEVEL))
        digest = hashlib.sha256(data).hexdigest()
        manifest.append({"file": file.name, "module": module, "bytes": len(data), "sha256": digest})
        file.unlink()
    (packed / "manifest.json").write_text(json.dumps(manifest, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
