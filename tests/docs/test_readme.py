"""The README is true: its tour is taken as a newcomer would, on a machine of its own, and every output is compared."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import click
import pytest

from dnsfilter.cli import cli
from tests.docs.console import Step, find_files, find_steps, normalise
from tests.docs.world import World
from tests.processes import Processes, Running, wait_until

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
STEPS = list(find_steps(README))
PROXY_PORT = 8080
REPORTED_LATER = ("dnsfilter devices", "/metrics")
"""Commands that show what processes report once a second."""


@pytest.fixture
def world(processes: Processes, tmp_path: Path) -> World:
    """Make a machine with the files that the README tells to save."""
    for name, text in find_files(README).items():
        (tmp_path / name).write_text(text)
    return World(processes, tmp_path)


def make_run(world: World) -> Running:
    """Start what `make run` starts, and wait until it says where it listens."""
    recipe = re.search(r"^run:.*\n\t@exec (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    command = recipe[1].replace("$(BIN)", ".venv/bin").split()
    running = world.start("serve", command, lambda running: "state in" in running.output)
    wait_until(lambda: world.accepts(PROXY_PORT), "the proxy listens")
    return running


def show(world: World, step: Step) -> str:
    """Run a command until it shows what it should, or once where time is no excuse."""
    output = ""

    def is_as_written() -> bool:
        nonlocal output
        output = normalise(world.run(step.command))
        return output == normalise(step.output)

    if any(word in step.command for word in REPORTED_LATER):
        try:
            wait_until(is_as_written, step.command, 10)
        except pytest.fail.Exception:
            return output
    is_as_written()
    return output


@pytest.mark.slow
def test_tour(world: World) -> None:
    """From `make run` to the last command, the terminal shows what the README shows."""
    first, *others = STEPS
    assert first.command == "make run"
    assert len(others) > 10
    assert normalise(make_run(world).output) == normalise(first.output)
    for step in others:
        assert show(world, step) == normalise(step.output), step.command


def test_what_is_missing_is_missing() -> None:
    """Commands that the README calls missing are not there: who adds them has to change the README."""
    section = README.partition("## What this version does not do")[2]
    missing = re.findall(r"\(`dnsfilter (\w+)`\)", section)
    assert not {*missing} & {*cli.list_commands(click.Context(cli))}


def test_every_dependency_is_explained() -> None:
    """The table of dependencies names those of pyproject.toml and no other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, build = settings["project"], settings["tool"]["hatch"]["build"]["hooks"]["custom"]["dependencies"]
    wanted = [*project["dependencies"], *build, *chain.from_iterable(project["optional-dependencies"].values())]
    table = README.partition("| dependency |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1].partition("(")[0] for row in table.splitlines()[2:]]
    shown = {name.strip() for cell in cells for name in cell.split(",")}
    assert shown == {re.split(r"[<>=~\[ ]", each)[0] for each in wanted}
