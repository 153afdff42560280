"""Seats: who is served, who shares a view, and how much a client may ask."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter import seats as module
from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import compile_table
from dnsfilter.config import Configuration
from dnsfilter.journal import Journal
from dnsfilter.memo import Entry
from dnsfilter.model import CompiledList, Device, DnsAction, Grade, Match, Outcome, Role, Rule
from dnsfilter.policy.decisions import NOT_LISTED
from dnsfilter.policy.engine import Engine
from dnsfilter.sample import mark_of
from dnsfilter.seats import Seats

CORPORATE, QUARANTINED, GUEST, STRANGER = b"\x0a\1\0\1", b"\x0a\1\0\2", b"\x0a\2\0\1", b"\xc0\0\2\1"
FULL_SIZE = module.MAX_SEATS
MAPPED = bytes(10) + b"\xff\xff" + CORPORATE


def make(lists=(), **settings):
    """Return seats for two groups and a quarantined device."""
    groups = [{"name": "corporate", "networks": ["10.1.0.0/16"]}, {"name": "guests", "networks": ["10.2.0.0/16"]}]
    configuration = Configuration.model_validate({"groups": groups, **settings})
    device = Device("laptop", "", "", "", "corporate", addresses=("10.1.0.2",))
    table = compile_table([device], (), {"laptop": frozenset({"order"})}, 0.0)
    return Seats(
        configuration, Engine(configuration, lists), Directory(configuration.groups, table), 0.0, Journal("test", "1")
    )


def test_alike_share_a_view():
    """Clients of one group share view and memo; a quarantined device and another group do not."""
    seats = make()
    first, other, quarantined, guest = (
        seats.take(address, 0.0) for address in (CORPORATE, b"\x0a\1\0\3", QUARANTINED, GUEST)
    )
    assert first.view is other.view
    assert first.memo is other.memo
    assert first.entries is first.memo.entries
    assert len({id(seat.memo) for seat in (first, quarantined, guest)}) == 3
    assert sorted(group for group, _ in seats.memos()) == ["corporate", "corporate", "guests"]


def test_clients_that_a_list_is_about():
    """Whom rules about clients treat alike share a view and a memo, and nobody else has it, whatever says who it is."""
    rules = tuple(
        Rule("zone", "zone", Match.CLIENT, text, Role.INFRA, Grade.NONE, answer)
        for text, answer in (
            ("10.1.0.8/31", DnsAction.NXDOMAIN),
            ("10.1.0.7/32", DnsAction.NXDOMAIN),
            ("10.1.0.1/32", DnsAction.DROP),
        )
    )
    zone = CompiledList("zone", "zone", Role.INFRA, Grade.NONE, 3, rules)
    seats = make(lists=[zone], identity={"client_ids": ["10.1.0.0/16"]})
    first, second, third, dropped, plain, quarantined = (
        seats.take(b"\x0a\1\0" + bytes([last]), 0.0) for last in (7, 8, 9, 1, 3, 2)
    )
    assert first.memo is second.memo is third.memo
    assert first.view is second.view is third.view
    assert len({id(seat.memo) for seat in (first, dropped, plain, quarantined)}) == 4
    named = seats.take_proven(first.address, 0.0, "laptop")
    assert named.text == "device:laptop"
    assert named.view is not seats.take_proven(plain.address, 0.0, "laptop").view


def test_seat_is_kept():
    """An address has one seat; a mapped address is the client of the IPv4 address."""
    seats = make()
    assert seats.take(CORPORATE, 0.0) is seats.take(CORPORATE, 9.0) is seats.by_address[CORPORATE]
    assert seats.take(MAPPED, 0.0).view is seats.take(CORPORATE, 0.0).view
    assert seats.take(MAPPED, 0.0).text == "10.1.0.1"


def test_marks():
    """The sample takes the addresses of a device for one client, and those of an IPv6 network, however they came."""
    seats = make(allow_clients=["10.0.0.0/8", "2001:db8::/32"])
    device = mark_of("laptop")
    assert seats.take(QUARANTINED, 0.0).mark == seats.take_proven(QUARANTINED, 0.0).mark == device
    assert seats.take(CORPORATE, 0.0).mark == seats.take(MAPPED, 0.0).mark == mark_of("10.1.0.1")
    networks = [bytes.fromhex(f"20010db8000000{network:02x}0000000000000001") for network in (1, 1, 2)]
    addresses = [*networks, networks[0][:-1] + b"\x77"]
    first, again, other, neighbour = (seats.take(address, 0.0).mark for address in addresses)
    assert first == again == neighbour == mark_of(addresses[0][:8])
    assert other == mark_of(addresses[2][:8])
    assert seats.find_mark(QUARANTINED) == device
    assert seats.find_mark(GUEST) == seats.find_mark("10.1.0.1") == 0


def test_strangers_are_not_served():
    """An address outside `allow_clients` has no view and no memo of anybody's."""
    seats = make()
    stranger = seats.take(STRANGER, 0.0)
    assert stranger.view is None
    assert stranger.memo not in [memo for _, memo in seats.memos()]
    assert not seats.by_address


def test_seats_are_bounded(monkeypatch):
    """Forged addresses cannot fill the memory; the seat that was taken first is lost first."""
    monkeypatch.setattr(module, "MAX_SEATS", 3)
    seats = make()
    for last in range(10):
        seats.take(bytes([10, 1, 0, last]), 0.0)
        assert len(seats.by_address) <= 3
    assert [address[3] for address in seats.by_address] == [7, 8, 9]


def test_forged_sources_in_memory(monkeypatch):
    """What any number of forged sources leaves behind is under 64 MB when the table is as large as it is allowed."""
    monkeypatch.setattr(module, "MAX_SEATS", 5000)
    seats = make(allow_clients=["0.0.0.0/0"])
    seats.take(CORPORATE, 0.0)
    tracemalloc.start()
    try:
        for number in range(12_000):
            seats.take((number * 977_777 % (1 << 32)).to_bytes(4, "big"), 0.0)
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(seats.by_address) == 5000
    assert size / 5000 * FULL_SIZE < 64 << 20


def test_proven_and_forged_have_their_own():
    """What is spent by who may be forged is not spent of a connection's tokens, at the same view and memo."""
    seats = make(rate_limit={"per_client_qps": 1, "burst": 1})
    forged, proven = seats.take(CORPORATE, 0.0), seats.take_proven(CORPORATE, 0.0)
    assert proven is seats.take_proven(CORPORATE, 9.0)
    assert (forged.view, forged.memo) == (proven.view, proven.memo)
    assert [seats.admit(forged, 0.0), seats.admit(forged, 0.0), seats.admit(proven, 0.0)] == [True, False, True]
    assert proven not in seats.by_address.values()
    assert seats.take_proven(STRANGER, 0.0).view is None


@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.integers(0, 300), min_size=1, max_size=200))
def test_rate(qps, burst, pauses):
    """In any stretch of time a client gets at most its burst and its rate, and it is not starved for asking more."""
    seats = make(rate_limit={"per_client_qps": qps, "burst": burst})
    seat, now, answered = seats.take(CORPORATE, 0.0), 0.0, 0
    for pause in pauses:
        now += pause / 1000
        seat.tokens -= 1
        answered += seat.tokens >= 0 or seats.admit(seat, now)
        assert answered <= burst + now * qps + 0.001
    assert answered >= min(len(pauses), burst)


@pytest.mark.parametrize("qps", [1, 7, 100])
def test_a_client_over_its_rate_gets_its_rate(qps):
    """A client that asks a thousand times a second is answered as often as it may ask, second after second."""
    seats = make(rate_limit={"per_client_qps": qps, "burst": 1})
    seat = seats.take(CORPORATE, 0.0)
    answered = 0
    for step in range(10_000):
        seat.tokens -= 1
        answered += seat.tokens >= 0 or seats.admit(seat, step / 1000)
    assert 9 * qps <= answered <= 10 * qps + 2


def test_no_limit():
    """0 queries per second mean no limit."""
    seats = make(rate_limit={"per_client_qps": 0, "burst": 1})
    seat = seats.take(CORPORATE, 0.0)
    seat.tokens = -1
    assert seats.admit(seat, 0.0)
    assert seat.tokens > 1e17


def test_lets_go_little_by_little(monkeypatch):
    """Never more than a slice at a step, until nothing is left of who asked, of prefixes, and of ready responses."""
    monkeypatch.setattr(module, "SLICE", 10)
    seats = make(rate_limit={"per_client_qps": 10, "burst": 10})
    memos = set()
    for number in range(95):
        address = bytes((10, 1 + number % 2, number, 1))
        seat = seats.take(address, 0.0)
        seats.take_proven(address, 0.0)
        seat.memo.put(b"query %d" % number, Entry(b"tail", NOT_LISTED, Outcome.LOCAL, 0))
        memos.add(seat.memo)

    def size():
        return len(list(seats.list_clients())) + sum(len(memo.entries) for memo in memos)

    sizes = [size(), *(size() for _ in seats.let_go())]
    assert sizes[0] == 3 * 95
    assert sizes[-1] == 0
    assert all(0 <= before - after <= 10 for before, after in itertools.pairwise(sizes))
    assert len(sizes) > 3 * 95 / 10 + 95 / 10
