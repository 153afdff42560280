"""docs/runbooks: one for each alert, of one form, with commands that exist."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from dnsfilter.cli import cli

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/dnsfilter.rules.yaml").read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").iterdir())
PUBLISHED = "https://runbooks.example/dnsfilter/"


def shell_block(runbook: Path) -> str:
    """Return the commands of a runbook."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", runbook.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, runbook
    return str(blocks[0])


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command of dnsfilter that words name, and the words after its name."""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group) and rest:
        found = command.get_command(click.Context(command), rest[0])
        if found is None:
            break
        command, rest = found, rest[1:]
    return command, rest


def test_every_alert_has_a_runbook() -> None:
    """No alert is without one, and no runbook is left of an alert that went."""
    assert [path.name for path in RUNBOOKS] == sorted(f"{rule['alert']}.md" for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_leads_to_its_runbook(rule: dict[str, Any]) -> None:
    """An alert's link ends with the name of its own runbook."""
    assert rule["annotations"]["runbook_url"] == f"{PUBLISHED}{rule['alert']}.md"


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_runbook_is_complete(runbook: Path) -> None:
    """A runbook says what the alert means, what to look at and what to do."""
    text = runbook.read_text()
    assert re.findall(r"^#+ .*$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE) == [
        f"# {runbook.stem}",
        "## Look",
        "## Do",
    ]
    meaning, actions = text.partition("## Look")[0], text.partition("## Do")[2]
    assert len(meaning.splitlines()) > 2
    assert re.search(r"^\* \S", actions, re.MULTILINE)


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_runbook_commands_exist(runbook: Path) -> None:
    """The shell reads the commands, and those of dnsfilter exist with the options given."""
    block = shell_block(runbook)
    checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    for line in re.findall(r"^(?:sudo )?dnsfilter (.*)$", block, re.MULTILINE):
        command, rest = find_command(shlex.split(line))
        assert command is not cli, line
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, line


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_runbook_names_existing_commands(runbook: Path) -> None:
    """What a runbook advises in passing exists too."""
    for line in re.findall(r"`(?:sudo )?dnsfilter ([^`]+)`", runbook.read_text()):
        command, _ = find_command(line.split())
        assert command is not cli, line
