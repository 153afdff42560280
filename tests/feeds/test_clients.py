"""The client snapshot: read as it was published, or refused."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.neighbours import NEIGHBOUR_SECONDS
from dnsfilter.clients.table import Entry, compile_table
from dnsfilter.config import Configuration
from dnsfilter.errors import SnapshotError
from dnsfilter.feeds.clients import (
    FILE_NAME,
    Parsed,
    publish_clients,
    read_client_sources,
    read_clients,
    refresh_clients,
)
from dnsfilter.model import Device

INVENTORY = "id,name,owner,mail,group,mac,ip\nd1,Phone,Ann,ann@x.example,corporate,02:00:5e:00:53:01,192.0.2.1\n"


def configure(directory: Path, inventory: str = INVENTORY, leases: str = "") -> Configuration:
    """Write sources and return a configuration that names them."""
    (directory / "devices.csv").write_text(inventory)
    (directory / "leases").write_text(leases)
    return Configuration.model_validate(
        {
            "groups": [{"name": "corporate"}],
            "inventory": str(directory / "devices.csv"),
            "leases": [{"file": str(directory / "leases")}],
        }
    )


def test_reads_what_was_published(tmp_path: Path) -> None:
    """Entries and quarantines survive the way through the file, which only its owner may read."""
    devices = [Device("d1", "Phone", "Ann", "ann@x.example", "corporate", (), ("192.0.2.1", "2001:db8::1"))]
    publish_clients(compile_table(devices, [], {"d1": frozenset({"tiktok"})}, 0.0), tmp_path)
    table = read_clients(tmp_path)
    entry = table.get("2001:db8::1")
    assert entry is not None
    assert (entry.device, entry.group, table.quarantined) == ("d1", "corporate", {"d1": frozenset({"tiktok"})})
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    content = (tmp_path / FILE_NAME).read_bytes()
    assert b"Ann" not in content
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@given(position=st.integers(min_value=0, max_value=200), octet=st.integers(min_value=1, max_value=255))
def test_damage_is_noticed(tmp_path_factory: pytest.TempPathFactory, position: int, octet: int) -> None:
    """One changed octet anywhere refuses the file."""
    directory = tmp_path_factory.mktemp("clients")
    publish_clients(compile_table([Device("d1", "", "", "", "", (), ("192.0.2.1",))], [], {}, 0.0), directory)
    content = bytearray((directory / FILE_NAME).read_bytes())
    content[position % len(content)] ^= octet
    (directory / FILE_NAME).write_bytes(content)
    with pytest.raises(SnapshotError):
        read_clients(directory)


@pytest.mark.parametrize("content", [None, b"", b"short"])
def test_missing_or_short_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """No file and half a file are the same error."""
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(SnapshotError):
        read_clients(tmp_path)


def test_cannot_publish_where_there_is_no_directory(tmp_path: Path) -> None:
    """A state directory that is gone is an error of the snapshot."""
    with pytest.raises(SnapshotError, match="cannot be published"):
        publish_clients(compile_table([], [], {}, 0.0), tmp_path / "absent")


def test_sources_are_read_and_checked(tmp_path: Path) -> None:
    """Broken lines of both files are problems with file and line, and the rest is published."""
    leases = "0 02:00:5e:00:53:01 192.0.2.7 * *\nnonsense\n"
    problems = refresh_clients(configure(tmp_path, INVENTORY + "d2,,,,,zz,\n", leases), tmp_path, 0.0)
    assert [(Path(problem.file).name, problem.line) for problem in problems] == [("devices.csv", 3), ("leases", 2)]
    assert read_clients(tmp_path).get("192.0.2.7") == Entry("d1", "corporate", float("inf"))


def test_a_lost_source_keeps_what_was_known(tmp_path: Path) -> None:
    """An inventory that cannot be read any more does not make known devices unknown."""
    configuration = configure(tmp_path)
    refresh_clients(configuration, tmp_path, 0.0)
    (tmp_path / "devices.csv").unlink()
    assert not read_client_sources(configuration).is_complete
    (problem,) = refresh_clients(configuration, tmp_path, 0.0)
    assert "cannot be read" in str(problem)
    assert read_clients(tmp_path).get("192.0.2.1") is not None


def test_refreshing_keeps_quarantines(tmp_path: Path) -> None:
    """A new inventory frees nobody."""
    configuration = configure(tmp_path)
    publish_clients(compile_table([], [], {"d1": frozenset({"tiktok"})}, 0.0), tmp_path)
    refresh_clients(configuration, tmp_path, 0.0)
    assert read_clients(tmp_path).quarantined == {"d1": frozenset({"tiktok"})}


def test_leases_that_the_cleanup_of_kea_moved_away(tmp_path: Path) -> None:
    """Kea goes on in an empty file after a cleanup; the leases before it count, in the order of the files."""
    header = "address,hwaddr,expire,state\n"
    lease = "192.0.2.{0},02:00:5e:00:53:01,{1}00,0\n"
    (tmp_path / "kea.csv.2").write_text(header + lease.format(7, 1) + lease.format(8, 1) + lease.format(9, 1))
    (tmp_path / "kea.csv.1").write_text(header + lease.format(8, 2) + lease.format(9, 2))
    (tmp_path / "kea.csv").write_text(header + lease.format(9, 3) + "nonsense\n")
    leases = [{"file": str(tmp_path / "kea.csv"), "format": "kea"}]
    sources = read_client_sources(Configuration.model_validate({"leases": leases}))
    assert {lease.address: lease.expires for lease in sources.leases} == {
        "192.0.2.7": 100.0,
        "192.0.2.8": 200.0,
        "192.0.2.9": 300.0,
    }
    assert [(Path(problem.file).name, problem.line) for problem in sources.problems] == [("kea.csv", 3)]
    assert sources.is_complete


def test_a_neighbour_table_counts_from_when_it_was_written(tmp_path: Path) -> None:
    """A table that nobody writes any more ends, and so do the addresses in it."""
    file = tmp_path / "neighbours"
    file.write_text("2001:db8::7 dev eth0 lladdr 02:00:5e:00:53:01 STALE\n")
    os.utime(file, (1_000.0, 1_000.0))
    leases = [{"file": str(file), "format": "ip-neigh"}]
    sources = read_client_sources(Configuration.model_validate({"leases": leases}))
    assert [lease.expires for lease in sources.leases] == [1_000.0 + NEIGHBOUR_SECONDS]


def test_reads_the_table_of_this_machine() -> None:
    """The kernel's own ARP table can be named as it is."""
    leases = [{"file": "/proc/net/arp", "format": "arp"}]
    sources = read_client_sources(Configuration.model_validate({"leases": leases}))
    assert (sources.problems, sources.is_complete) == ((), True)


def test_parses_only_what_has_changed() -> None:
    """Who reads the same again gets what it said; whatever is other is parsed."""
    parsed, calls = Parsed(), []

    def parse() -> int:
        calls.append(1)
        return len(calls)

    said = [parsed.get(name, content, parse) for name, content in (("a", "x"), ("a", "x"), ("b", "x"), ("a", "y"))]
    assert said == [1, 1, 2, 3]
