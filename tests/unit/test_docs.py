"""The documents say what there is: every key, variable, tool and file that they should name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from manyclaw.agent import tool_names
from manyclaw.agent.texts import LANGUAGES
from manyclaw.tenancy import GatewayConfig, ModelInfo, Overlay
from manyclaw.tenancy.gateway import Defaults, Rates

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("model", [Overlay, GatewayConfig, ModelInfo, Defaults, Rates])
def test_every_key_is_documented(model: type[Overlay]) -> None:
    missing = {name for name, field in model.model_fields.items() if f"`{field.alias or name}`" not in CONFIGURATION}
    assert not missing


def test_every_tool_and_language_is_documented() -> None:
    assert not {name for name in tool_names() if f"`{name}`" not in CONFIGURATION}
    assert not {language for language in LANGUAGES if f"`{language}`" not in CONFIGURATION}


def test_every_variable_of_make_dev_is_documented() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "local" / "dev").glob("*.py"))
    read = set(re.findall(r'"((?:MANYCLAW|TELEGRAM|ANTHROPIC)_[A-Z_]+)"', source))
    internal = {"MANYCLAW_TEST_CONTROLS", "MANYCLAW_TEMPLATE", "MANYCLAW_LAYER_PLATFORM", "MANYCLAW_MEMORY_DELAY"}
    assert not {name for name in read - internal if f"`{name}`" not in CONFIGURATION}


def test_every_decision_stands_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    rows = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| (.+) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    pages = sorted(folder.glob("[0-9]*.md"))
    assert [f"# {number}. {title}" for number, _, title in rows] == [page.read_text().split("\n")[0] for page in pages]
    assert [name for _, name, _ in rows] == [page.name for page in pages]
    assert all(int(name[:4]) == int(number) for number, name, _ in rows)


def test_every_parameter_queue_and_log_of_the_template_is_documented() -> None:
    template = (ROOT / "template.yaml").read_text()
    operating = (ROOT / "docs" / "operating.md").read_text()
    parameters = re.findall(r"^  ([A-Za-z]+):$", template.split("\nConditions:")[0], re.MULTILINE)
    logs = re.findall(r"LogGroupName: !Sub (\S+)", template)
    queues = [name for name in re.findall(r"QueueName: !Sub (\S+)", template) if "dlq" in name]
    stacks = [name.replace("${AWS::StackName}", "{stack}") for name in logs + queues]
    assert len(parameters) > 8
    assert len(stacks) > 9
    assert not [name for name in parameters + stacks if f"`{name}`" not in operating]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    dead = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not dead


def test_every_target_of_the_makefile_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z-]+)", page.read_text())}
    assert named <= targets
