"""Run a module as a program that ends when its parent does: `python -m local.child MODULE ARGUMENT...`."""

import runpy
import sys

from local.parent import watch

if __name__ == "__main__":
    watch()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
