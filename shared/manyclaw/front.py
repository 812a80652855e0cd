"""Lazy fronts: a feature's ``__init__`` names what others may use and imports it only when it is used.

The webhook is cold-started most often and must stay light, so naming ``manyclaw.telegram`` may not pull in pydantic,
yaml or an AWS client that only another function needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module ``__getattr__`` (PEP 562) that finds ``name`` in the submodule ``names[name]`` of ``package``."""

    def getattr_(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"{package} offers no {name!r}; it offers {', '.join(sorted(names))}.")
        return getattr(import_module(f"{package}.{names[name]}"), name)

    return getattr_
