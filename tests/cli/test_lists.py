"""The group of the commands about lists."""

import click

from dnsfilter.cli.lists import lists


def test_holds_the_four_commands() -> None:
    """Every tool is there under the name of the contract."""
    assert lists.list_commands(click.Context(lists)) == ["diff", "export", "lint", "update"]
