"""Digests of what is in force."""

from dataclasses import replace
from pathlib import Path

import pytest

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.feeds.snapshot import Snapshot, publish_snapshot, read_snapshot
from dnsfilter.localtable import NO_TABLE, make_table
from dnsfilter.process.fingerprint import digest_keys, digest_lists, find_fingerprint
from dnsfilter.settings.order import Blocklist
from tests.fakes.published import publish_world

NAMES = [f"host{index}.example" for index in range(200)]


def snapshot(state: Path) -> Snapshot:
    """Return a small world with a big list."""
    big = compile_list(Blocklist(name="big", file="big.txt"), ParsedList(suffixes=NAMES), 0.0)
    world = publish_world(state)
    return replace(world, lists=(*world.lists, big))


def test_survives_publishing(tmp_path: Path) -> None:
    """What was published and read again has the same fingerprint: workers and manager speak of one thing."""
    made = snapshot(tmp_path)
    publish_snapshot(made, tmp_path)
    assert find_fingerprint(read_snapshot(tmp_path)) == find_fingerprint(made)
    assert 0 < find_fingerprint(made) < 2**53


@pytest.mark.parametrize(
    ("changes", "is_other"),
    [
        ({"allow": [{"name": "a.example", "reason": "r"}]}, True),
        ({"policies": []}, True),
        ({"listen": {"dns": ["127.0.0.1:53"]}}, False),
        ({"upstreams": [{"servers": ["192.0.2.53"]}]}, False),
    ],
)
def test_nodes_that_decide_alike(tmp_path: Path, changes: dict[str, object], is_other: bool) -> None:  # noqa: FBT001
    """The fingerprint is another where decisions can be, and the same where only the node is another."""
    made = snapshot(tmp_path)
    fields = made.configuration.model_dump(exclude_defaults=True) | changes
    other = replace(made, configuration=type(made.configuration).model_validate(fields), generation=9, created=5.0)
    assert (find_fingerprint(other) != find_fingerprint(made)) is is_other


def test_one_name_makes_another_list(tmp_path: Path) -> None:
    """A list that lost a single name of many has another digest, and with it the snapshot."""
    made = snapshot(tmp_path)
    shorter = compile_list(Blocklist(name="big", file="big.txt"), ParsedList(suffixes=NAMES[1:]), 0.0)
    other = replace(made, lists=(*made.lists[:-1], shorter))
    changed = {name for name, digest in digest_lists(other.lists).items() if digest_lists(made.lists)[name] != digest}
    assert changed == {"big"}
    assert find_fingerprint(other) != find_fingerprint(made)


def test_records_that_are_ready_made_count(tmp_path: Path) -> None:
    """One address of a hosts file that became another changes the digest of the records."""
    configuration = snapshot(tmp_path).configuration
    tables = [make_table({"a.example": [bytes((0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 1, octet))]}) for octet in (1, 2)]
    digests = [digest_keys(configuration, table) for table in (NO_TABLE, *tables)]
    assert "records" not in digests[0]
    assert digests[1].pop("records") != digests[2].pop("records")
    assert digests[0] == digests[1] == digests[2]


def test_defaults_are_left_out(tmp_path: Path) -> None:
    """Only keys that somebody set have a digest, so that a new key of a new version changes nothing."""
    assert digest_keys(snapshot(tmp_path).configuration).keys() == {"state", "blocklists", "groups", "policies"}
