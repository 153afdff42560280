"""The group of the commands about lists."""

import click

from dnsfilter.cli.lists import lists


def test_holds_its_commands() -> None:
    """Every tool is there, four of them under the names of the contract."""
    assert lists.list_commands(click.Context(lists)) == ["diff", "export", "lint", "sample", "update"]
