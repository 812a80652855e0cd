"""The native libraries: in the Lambda layer the large ones are packed, and numpy and LanceDB need them unpacked."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any


@cache
def prepare() -> None:
    """Make numpy, pyarrow and lancedb importable; to be called before the first of them. No-op outside the layer."""
    if find_spec("lancedb_packed") is not None:
        import_module("lancedb_packed").unpack()


def lancedb() -> Any:
    """The library, imported at its first use."""
    prepare()
    return import_module("lancedb")
