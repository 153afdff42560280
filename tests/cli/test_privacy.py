"""`dnsfilter privacy`."""

from pathlib import Path

from click.testing import CliRunner

from dnsfilter.cli.privacy import privacy


def test_record(tmp_path: Path) -> None:
    """The record is that of the configuration given, with paths as this machine has them, and nothing is made."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\nstore: {retention: 30d}\n")
    done = CliRunner().invoke(privacy, ["record", "-c", str(file)])
    assert done.exit_code == 0
    assert done.stdout.startswith("# Record of processing\n")
    assert f"The store is sqlite:///{tmp_path}/var/dnsfilter.db." in done.stdout
    assert "Kept: 30d." in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["dnsfilter.yaml"]
