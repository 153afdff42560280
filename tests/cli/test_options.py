"""Options that commands share, and what the command line as a whole does."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dnsfilter import __version__
from dnsfilter.cli import cli
from dnsfilter.cli.options import configuration_option, json_option


@click.command()
@configuration_option
@json_option
def show(configuration_file: Path | None, *, as_json: bool) -> None:
    """Say what was given."""
    click.echo(f"{configuration_file} {as_json}")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "None False"),
        (["-c", "a.yaml"], "a.yaml False"),
        (["--config", "/b/a.yaml", "--json"], "/b/a.yaml True"),
    ],
)
def test_options(arguments: list[str], shown: str) -> None:
    """The configuration is a path or nothing, JSON a switch."""
    assert CliRunner().invoke(show, arguments).stdout == f"{shown}\n"


def test_every_command_has_help() -> None:
    """Every command is listed with a sentence, is found, and shows an example in its help."""
    listed = CliRunner().invoke(cli, ["--help"]).stdout
    names = cli.list_commands(click.Context(cli))
    assert {"check", "devices", "explain", "serve"} <= set(names)
    for name in names:
        assert f"\n  {name} " in listed
        done = CliRunner().invoke(cli, [name, "--help"])
        assert done.exit_code == 0
        assert f"Usage: cli {name}" in done.stdout


def test_version() -> None:
    """The version is the package's."""
    assert __version__ in CliRunner().invoke(cli, ["--version"]).stdout


def test_output_that_nobody_reads() -> None:
    """A reader that goes away early is no error and no traceback."""
    command = f"{sys.executable} -m dnsfilter explain $(seq -f 'n%g.example' 2000) --json | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
