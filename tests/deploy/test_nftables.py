"""The rules in deploy/nftables are those of the configuration beside them."""

from pathlib import Path

from click.testing import CliRunner

from dnsfilter.cli.lists_export import export

DIRECTORY = Path(__file__).parents[2] / "deploy" / "nftables"
COMMAND = ["--format", "nftables", "--gateway", "listed", "-c", str(DIRECTORY / "dnsfilter.yaml")]


def test_the_rules_are_what_the_command_prints() -> None:
    """Who changes a list, or how rules are written, runs the command again."""
    done = CliRunner().invoke(export, COMMAND)
    assert done.stderr == ""
    assert done.stdout == (DIRECTORY / "dnsfilter.nft").read_text(), "dnsfilter lists export " + " ".join(COMMAND)
