"""`make pins`: the layers' requirements from uv.lock, and the tools' from local/requirements/*.in, all with hashes."""

import subprocess
import sys
import tomllib

from local.dev.build import project_uv
from local.dev.settings import ROOT

_PREFIX = "layer-"


def layer_commands(uv: str, groups: list[str]) -> list[list[str]]:
    """`uv export` of each dependency group `layer-NAME` into layers/NAME/requirements.txt."""
    export = [uv, "export", "--quiet", "--locked", "--no-emit-project", "--no-header", "--only-group"]
    return [
        [*export, group, "--output-file", f"layers/{group.removeprefix(_PREFIX)}/requirements.txt"]
        for group in groups
        if group.startswith(_PREFIX)
    ]


def tool_commands(uv: str) -> list[list[str]]:
    """`uv pip compile` of each tool's .in file."""
    compile_one = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--python-version", "3.13"]
    return [
        [
            *compile_one,
            "--no-header",
            str(path.relative_to(ROOT)),
            "-o",
            str(path.with_suffix(".txt").relative_to(ROOT)),
        ]
        for path in sorted((ROOT / "local/requirements").glob("*.in"))
    ]


def main() -> int:
    """Write every file of pins."""
    uv = str(project_uv())
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    for command in [*layer_commands(uv, list(groups)), *tool_commands(uv)]:
        print(" ".join(command[1:3]), command[-1], flush=True)
        subprocess.run(command, cwd=ROOT, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
