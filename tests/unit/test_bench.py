"""The benchmarks take minutes, so tests do not run them; what they stand on must be there all the same."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["bench.__main__", "bench.memory.__main__"])
def test_a_benchmark_finds_what_it_imports(name: str) -> None:
    assert callable(import_module(name).main)
