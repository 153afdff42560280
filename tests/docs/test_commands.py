"""docs/commands.md is complete: every command and option is there, and every example is accepted."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dnsfilter.cli import cli

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
SHARED = PAGE.partition("\n## ")[0]


def commands(path: tuple[str, ...], group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group by what a user types."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands((*path, name), command)


COMMANDS = dict(commands(("dnsfilter",), cli))


def options(command: click.Command) -> set[str]:
    """Return all spellings of a command's options."""
    return {text for each in command.params if isinstance(each, click.Option) for text in each.opts}


def mentioned(text: str) -> set[str]:
    """Return the options that a text shows as code."""
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"(?<!\S)--?[a-z][\w-]*", code)}


def examples(section: str) -> list[list[str]]:
    """Return the command lines of a section's example blocks, without what they are piped into."""
    blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [shlex.split(line.partition("|")[0]) for block in blocks for line in block.splitlines()]


def test_sections_are_the_commands() -> None:
    """There is one section for each command and none for a command that does not exist."""
    assert sorted(SECTIONS) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options(name: str) -> None:
    """A section and the shared table show exactly the options that the command takes."""
    assert options(COMMANDS[name]) <= mentioned(SECTIONS[name]) | mentioned(SHARED)
    every = options(COMMANDS[name]) | {text for each in cli.params for text in each.opts} | {"--help"}
    assert mentioned(SECTIONS[name]) <= every | {"--json"}


@pytest.mark.parametrize("name", COMMANDS)
def test_examples(name: str) -> None:
    """Each command has an example, and the command line parses every example."""
    lines = examples(SECTIONS[name])
    assert lines
    words = name.split()
    for line in lines:
        assert line[: len(words)] == words
        COMMANDS[name].make_context(name, line[len(words) :])


def test_help_is_laid_out() -> None:
    """The examples in `--help` stand one a line, not filled into a paragraph."""
    for command in COMMANDS.values():
        text = command.get_help(click.Context(command))
        assert "\\b" not in text
        assert all(len(re.findall(r"dnsfilter \w+", line)) < 2 for line in text.splitlines())
