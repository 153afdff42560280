"""Court and client snapshot in step."""

from pathlib import Path

import pytest

from dnsfilter.clients.table import compile_table
from dnsfilter.feeds.clients import publish_clients, read_clients
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.model import Device
from dnsfilter.process.quarantine import Quarantine
from dnsfilter.store.court import Court
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.standings import Orders
from tests.fakes.published import publish_world

DEVICES = [Device(name, "", "", "", "managed", (), (f"192.0.2.{number}",)) for number, name in enumerate("ab")]
PSEUDONYMS = Pseudonyms(b"k" * 32)
ORDER = frozenset({"order"})


class Heard(Court):
    """A court that remembers by what orders it was told to judge."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.heard: list[Orders] = []

    def follow(self, orders: Orders) -> None:
        """Remember."""
        self.heard.append(orders)


@pytest.fixture
def court() -> Heard:
    return Heard()


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """Publish a world with devices."""
    snapshot = publish_world(tmp_path)
    publish_clients(compile_table(DEVICES, (), {}, 0.0), tmp_path)
    return snapshot


def test_follows_what_is_new(tmp_path: Path, court: Heard, snapshot: Snapshot) -> None:
    """The court hears of a snapshot and an inventory once, and never of an inventory that could not be read."""
    quarantine = Quarantine(tmp_path, PSEUDONYMS, court)
    quarantine.follow(snapshot, None)
    assert court.heard == []
    for devices in (DEVICES, list(DEVICES), DEVICES[:1]):
        quarantine.follow(snapshot, devices)
    quarantine.follow(publish_world(tmp_path, generation=2), DEVICES[:1])
    assert len(court.heard) == 3
    known = [[orders.is_known(PSEUDONYMS.of_device(name), "managed") for name in "ab"] for orders in court.heard]
    assert known == [[True, True], [True, False], [True, False]]


def test_publishes_by_id(tmp_path: Path, court: Heard, snapshot: Snapshot) -> None:
    """Pseudonyms become ids in the snapshot, unknown ones are left out, devices stay, and nothing is done twice."""
    quarantine = Quarantine(tmp_path, PSEUDONYMS, court)
    quarantine.follow(snapshot, DEVICES)
    ruling = {PSEUDONYMS.of_device("a"): ORDER, PSEUDONYMS.of_device("gone"): ORDER}
    assert quarantine.publish(ruling)
    assert not quarantine.publish(ruling)
    table = read_clients(tmp_path)
    assert table.quarantined == {"a": ORDER}
    assert table.get("192.0.2.1")
    assert quarantine.publish({})
    assert read_clients(tmp_path).quarantined == {}


def test_a_snapshot_that_is_gone(
    tmp_path: Path, court: Heard, snapshot: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    """Where there is no client snapshot one line says so."""
    quarantine = Quarantine(tmp_path, PSEUDONYMS, court)
    quarantine.follow(snapshot, DEVICES)
    (tmp_path / "clients").unlink()
    assert not quarantine.publish({PSEUDONYMS.of_device("a"): ORDER})
    assert "cannot be read" in caplog.text
