"""What the manager makes of both sides' reports."""

from collections import Counter
from pathlib import Path

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable, compile_table
from dnsfilter.evidence.bypass import PATIENCE_SECONDS, to_evidence
from dnsfilter.journal import Batch
from dnsfilter.model import Channel, Device, Event, EventKind, Grade, Role, Sighting
from dnsfilter.process.attribution import Attributor
from dnsfilter.process.bypasses import Bypasses
from dnsfilter.store.pseudonyms import Pseudonyms
from tests.fakes.published import publish_world


def _sighting(time: float, channel: Channel, action: str, role: Role = Role.WEB) -> Sighting:
    resolved = channel is not Channel.DNS
    return Sighting(time, "127.0.0.1", "tiktok", "tiktok", "r", role, Grade.WEAK, channel, action, "plain", 3, resolved)


def test_counts_each_kind_and_keeps_a_line(tmp_path: Path) -> None:
    """A name after its block, an address, a resolver: counted by group; the name leaves a line for the device."""
    snapshot = publish_world(tmp_path)
    counted = Counter[tuple[str, str]]()

    def count(kind: str, group: str, by: int) -> None:
        counted[kind, group] += by

    told: list[Event] = []
    bypasses = Bypasses(count, told.append)
    bypasses.adopt(snapshot)
    table = compile_table([Device("L-1", "", "", "", "plain", (), ("127.0.0.1",))], [], {}, 0.0)
    attributor = Attributor(Directory(snapshot.configuration.groups, table), (), Pseudonyms(bytes(32)))
    seen = [
        _sighting(100, Channel.DNS, "sinkhole"),
        _sighting(200, Channel.SNI, "refuse"),
        _sighting(200, Channel.IP, "refuse"),
        _sighting(200, Channel.SNI, "refuse", Role.DOH),
        to_evidence("ech", _sighting(200, Channel.SNI, "refuse")),
    ]
    lines = bypasses.follow([attributor.attribute(each) for each in seen])
    assert counted == {("name", "plain"): 3, ("ip", "plain"): 3, ("doh", "plain"): 3}
    assert [line.sighting.rule for line in lines] == ["bypass, blocked in DNS: r"]
    assert lines[0].device == attributor.attribute(seen[0]).device
    assert [(event.kind, event.device, event.content["bypass"]) for event in told] == [
        (EventKind.BYPASS, lines[0].device, kind) for kind in ("name", "ip", "doh", "ech")
    ]
    bypasses.follow([attributor.attribute(each) for each in seen])
    assert len(told) == 4


def test_nobody_is_told_of_whom_no_device_stands_for(tmp_path: Path) -> None:
    """An address of no known device counts, and is no event."""
    snapshot = publish_world(tmp_path)
    told: list[Event] = []
    bypasses = Bypasses(lambda *_: None, told.append)
    attributor = Attributor(Directory(snapshot.configuration.groups, ClientTable()), (), Pseudonyms(bytes(32)))
    bypasses.follow([attributor.attribute(_sighting(200, Channel.IP, "refuse"))])
    assert told == []


def test_counts_absent_clients_by_group(tmp_path: Path) -> None:
    """Who is at the proxy and not at the resolver counts for the group of the address."""
    snapshot = publish_world(tmp_path)
    bypasses = Bypasses(lambda *_: None, lambda _: None)
    attributor = Attributor(Directory(snapshot.configuration.groups, ClientTable()), (), Pseudonyms(bytes(32)))
    for now in (0.0, PATIENCE_SECONDS):
        bypasses.attend(Batch("proxy-1", "x", clients=("127.0.0.2", "127.0.0.9", "192.0.2.1")), now)
    bypasses.attend(Batch("worker-0", "x", clients=("127.0.0.9",)), PATIENCE_SECONDS)
    absent = bypasses.count_absent(attributor, PATIENCE_SECONDS, 0.0)
    assert absent == {"managed": 1, "none": 1}
