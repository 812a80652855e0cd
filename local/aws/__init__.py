"""The embedded AWS: MiniStack, with what `make dev` needs changed.

Runs in an environment of its own (`.tools/ministack/bin/python -m local.aws`), so nothing here may import anything
but MiniStack, what it brings, and the standard library. Each file changes one thing and says why.
"""
