"""Bounds of what waits: who is over them, and who is not touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.model import Transport
from dnsfilter.policy.decisions import NOT_LISTED
from dnsfilter.resolver import Pending
from dnsfilter.settings.resolver import Waiting
from dnsfilter.upstream.crowding import Crowding, zone_of
from dnsfilter.wire.query import Query
from tests.fakes.resolving import make_query, make_resolver

SEATS = make_resolver().seats
FLOODER, OTHER = b"\x7f\0\0\1", b"\x7f\0\0\2"


class Crowd:
    """A question with those who wait for its answer."""

    def __init__(self, *waiters: Pending) -> None:
        self.waiters = list(waiters)


def wait(name: str = "www.example", address: bytes = FLOODER) -> Pending:
    return Pending(Query(make_query(name)), NOT_LISTED, SEATS.take(address, 0.0), Transport.UDP, 0.0)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("a.b.victim.example", "victim.example"),
        ("victim.example", "victim.example"),
        ("x.victim.co.uk", "victim.co.uk"),
        ("x.y.victim.com.au", "victim.com.au"),
        ("x.victim.de", "victim.de"),
        ("1.2.10.in-addr.arpa", "10.in-addr.arpa"),
        ("corp", "corp"),
        ("de", "de"),
        ("", ""),
    ],
)
def test_zones(name, zone):
    """Random names below one registered domain are one zone, its neighbours are others."""
    assert zone_of(name) == zone


@given(st.from_regex(r"([a-z]{1,4}\.){0,5}[a-z]{1,4}", fullmatch=True))
def test_a_zone_holds_its_names(name):
    """A zone is the end of the name, and its own zone."""
    zone = zone_of(name)
    assert f".{name}".endswith(f".{zone}")
    assert zone_of(zone) == zone


def test_a_zone_that_is_flooded():
    """New names of a flooded zone are over the bound; names on their way and those of other zones are not."""
    crowding = Crowding(Waiting(per_zone=20, per_client=1000))
    crowds = [Crowd(wait(f"r{number}.victim.example")) for number in range(19)]
    crowding.look(crowds)
    assert not crowding.is_crowded
    crowding.look([*crowds, Crowd(wait("r19.victim.example")), Crowd(wait("www.other.example"))])
    assert crowding.is_crowded
    victim, other = wait("new.victim.example", OTHER), wait("new.other.example")
    assert crowding.find(victim, is_new=True) == "zone"
    assert crowding.find(victim, is_new=False) is None
    assert crowding.find(other, is_new=True) is None
    crowding.look(crowds)
    assert not crowding.is_crowded


def test_many_who_ask_the_same_are_no_flood():
    """However many clients wait for one name, its zone is not flooded, nor is any of them a flooder."""
    crowding = Crowding(Waiting(per_zone=5, per_client=5))
    addresses = [bytes([127, 0, 1, number]) for number in range(100)]
    crowding.look([Crowd(*(wait("www.popular.example", address) for address in addresses))])
    assert not crowding.is_crowded


def test_a_client_that_floods():
    """A client with too many queries waiting, equal or not, is over the bound, for every name; another is not."""
    crowding = Crowding(Waiting(per_zone=1000, per_client=10))
    crowding.look([Crowd(*(wait() for _ in range(6))), *(Crowd(wait(f"n{number}.example")) for number in range(4))])
    assert crowding.find(wait("any.test"), is_new=False) == "client"
    assert crowding.find(wait("any.test", OTHER), is_new=True) is None


def test_bounds_can_change():
    """New bounds hold from the next look."""
    crowding = Crowding(Waiting(per_client=1000))
    crowds = [Crowd(wait()) for _ in range(10)]
    crowding.adopt(Waiting(per_client=10))
    crowding.look(crowds)
    assert crowding.is_crowded


def test_questions_that_nobody_waits_for():
    """What is only still awaited to be cached counts for nobody."""
    crowding = Crowding(Waiting(per_zone=1, per_client=1))
    crowding.look([Crowd()])
    assert not crowding.is_crowded
