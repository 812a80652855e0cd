"""Skills for tests, made of text."""

from __future__ import annotations

from pathlib import Path

from manyclaw.skills import Bundle

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "skills"
IMPORTS = "from manyclaw_skill import ToolError, scratch, secret, tool\nimport os\n"


def skill_md(name: str = "probe", **more: str) -> bytes:
    lines = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f"---\nname: {name}\ndescription: Tries things.\n{lines}---\nCall probe.\n".encode()


def bundle(body: str, name: str = "probe", tool: str = "probe", parameters: str = "", **front: str) -> Bundle:
    """A skill with one tool, whose function has ``body``."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    source = f'{IMPORTS}\n@tool\ndef {tool}({parameters}):\n    """Try it."""\n{indented}'
    return Bundle({"SKILL.md": skill_md(name, **front), "tools.py": source.encode()})


HOSTILE = {
    "crash": ("import ctypes; ctypes.string_at(0)", "ended without a result"),
    "os._exit": ("os._exit(0)", "ended without a result (exit status 0)"),
    "hang": ("import time; time.sleep(600)", "ran longer than"),
    "busy": ("while True: pass", "was stopped"),
    "a gigabyte": ("return str(len(bytearray(10**9)))", "more memory"),
    "a fork bomb": (
        "import time\nwhile True:\n    try:\n        os.fork() or os.setsid()\n"
        "    except OSError:\n        time.sleep(0.01)",
        "was stopped",
    ),
    "a full disk": (
        "import time\nfor n in range(10**6):\n    (scratch() / str(n)).write_bytes(bytes(10**6))\n    time.sleep(0.01)",
        "wrote more than",
    ),
    "kill everybody": ("os.kill(os.getppid(), 9)\nos.kill(-1, 9)\nos.kill(1, 9)", ""),
    "an exception": ("raise ValueError('boom')", "ValueError: boom (tools.py, line 7)"),
    "a refusal": ("raise ToolError('The guest is unknown.')", "The guest is unknown."),
    "the loopback": (
        "import socket\nfor port in range(1, 2000):\n"
        "    if socket.socket().connect_ex(('127.0.0.1', port)) == 0: return 'reached'\n"
        "raise ToolError('nothing is reachable')",
        "",
    ),
}
"""What a tenant's code may try, and what the model is then told; "" where that depends on the machine."""
