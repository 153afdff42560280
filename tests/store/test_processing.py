"""The record of processing is complete and follows the configuration."""

from importlib import resources
from pathlib import Path

import pytest
from sqlalchemy import Column, Table

from dnsfilter.config import parse_configuration
from dnsfilter.store.processing import LIFETIMES, describe_processing
from dnsfilter.store.schema import metadata

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"
COLUMNS = [column for table in metadata.sorted_tables for column in table.columns]
FULL = """\
listen: {metrics: "127.0.0.1:9999"}
upstreams: [{servers: [192.0.2.53]}, {servers: [10.0.0.53], domains: [corp.example]}]
groups: [{name: corporate, networks: [10.20.0.0/16]}, {name: guests, flag: false}]
blocklists: [{name: tiktok, file: t.yaml}, {name: work, file: w.yaml}]
inventory: devices.csv
leases: [{file: dnsmasq.leases}]
policies:
  - name: order
    blocklists: [tiktok]
    groups: [corporate]
    timezone: Europe/Brussels
    phases: {observe: 2023-02-23, quarantine: 2023-03-15}
    quarantine: {blocklists: [work], release_after: 3d, max_devices: 7}
proxy: {listen: ["regular@127.0.0.1:8080"]}
notices: {server: mail.example, sender: it@corp.example, contact: x, repeat_after: 2d}
webhooks: [{name: mdm, url: "https://mdm.example/x?token=secret", secret_file: s, identify: true, dry_run: true}]
events: [{name: siem, to: "syslog+tls://siem.example:6514", give_up_after: 9d}]
store: {url: "postgresql://u:secret@db.example/x", retention: 30d}
privacy: {pseudonym_key: /secret/key, device_series: 5}
sample: {enabled: true, clients: 12, retention: 5d}
"""


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_every_column_is_described(column: Column[str]) -> None:
    """Nothing is stored of which the record does not say what it is."""
    assert column.comment
    assert f"| {column.name} | {column.comment} |" in describe_processing(parse_configuration("", "x.yaml"))


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=str)
def test_every_table_is_described(table: Table) -> None:
    """Each table has a section that says what for and how long."""
    assert table.comment
    assert f"### {table.name}\n" in describe_processing(parse_configuration("", "x.yaml"))


def test_every_lifetime_is_that_of_a_table() -> None:
    """There is a lifetime for each table and none for a table that is gone."""
    assert set(LIFETIMES) == set(metadata.tables)


@pytest.mark.parametrize(
    "text",
    [
        "(`sample`; nothing unless enabled). Kept: 5d; only names that 12 clients of one worker asked for on that day.",
        "* Queries for names that no list covers: answered, counted (by name and day if many clients ask), forgotten.",
        "| order | tiktok | corporate | observe from 2023-02-23 00:00, quarantine from 2023-03-15 00:00 (Europe/Bru",
        "names of work are withheld from devices with confirmed evidence",
        "it applies to at most 7 devices and ends after 3d",
        "| guests | by the inventory | no |",
        "* Connections to the proxy (regular@127.0.0.1:8080)",
        "* Inventory devices.csv:",
        "* Leases dnsmasq.leases:",
        "The store is postgresql://u:***@db.example/x.",
        "Kept: 30d after the last sighting.",
        "* /secret/key: the key",
        "* Who reads 127.0.0.1:9999/metrics: counts by group, and pseudonyms of up to 5 flagged devices",
        "* Upstream 10.0.0.53: names of corp.example that",
        "Kept: until delivered or given up (after 9d); sent mail 2d, so",
        "* The owner of a device, by mail through mail.example: announcement, reminder, confirmed,",
        "* https://mdm.example/x: events (suspected, confirmed, quarantined, exempt, cleared) with the device's id in",
        "* Who reads syslog+tls://siem.example:6514: events (suspected,",
        "/dry-run/mdm: what would have gone out",
    ],
)
def test_follows_the_configuration(text: str) -> None:
    """What is done, with whom, where and for how long stands there as configured; a password does not."""
    record = describe_processing(parse_configuration(FULL, "x.yaml"))
    assert text in record
    assert "secret@" not in record
    assert "token" not in record


def test_says_no_more_than_is_configured() -> None:
    """Without inventory, leases and proxy there is no word of them as a source."""
    sources = describe_processing(parse_configuration("", "x.yaml")).partition("come from\n")[2].partition("\n## ")[0]
    assert sources.strip().count("\n") == 0


def test_the_page_shows_the_record_of_the_default() -> None:
    """docs/privacy.md ends with what the command prints for the embedded default configuration."""
    default = resources.files("dnsfilter").joinpath("default.yaml").read_text()
    record = describe_processing(parse_configuration(default, "embedded default"))
    assert PAGE.read_text().endswith("\n" + record.replace("\n#", "\n##").replace("# Rec", "## Rec", 1) + "\n")
