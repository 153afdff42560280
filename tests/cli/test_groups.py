"""Groups that load their commands when they are used."""

import sys

import click
from click.testing import CliRunner

from dnsfilter.cli.groups import LazyGroup


def test_loads_what_is_used() -> None:
    """A command is listed and found by name, its module loaded only then; an unknown one is none."""
    group = LazyGroup("tools", modules={"completion": "dnsfilter.cli.completion", "absent": "dnsfilter.cli.nothing"})
    context = click.Context(group)
    assert group.list_commands(context) == ["absent", "completion"]
    assert group.get_command(context, "other") is None
    sys.modules.pop("dnsfilter.cli.completion", None)
    assert "dnsfilter.cli.completion" not in sys.modules
    found = group.get_command(context, "completion")
    assert found
    assert found.name == "completion"
    assert CliRunner().invoke(group, ["other"]).exit_code == 2
