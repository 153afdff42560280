"""Places for connections: who gets one, and who gives way."""

import resource
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.server import places as module
from dnsfilter.server.places import Places
from dnsfilter.settings.resolver import Connections

FIRST, SECOND = b"\x7f\0\0\1", b"\x7f\0\0\2"


class Holder:
    """A connection without a socket."""

    def __init__(self, places: Places, address: bytes = FIRST) -> None:
        self.address = address
        self.active = 0.0
        self.is_busy = False
        self.is_closed = False
        self._places = places

    def close(self) -> None:
        """Be closed."""
        self.is_closed = True
        self._places.leave(self)


def make(**settings) -> Places:
    return Places(Connections.model_validate({"idle": "10s", **settings}))


def enter(places: Places, now: float, address: bytes = FIRST) -> Holder:
    holder = Holder(places, address)
    assert places.take(holder, now)
    return holder


def test_the_longest_silent_gives_way():
    """When all places are taken the one that was silent for longest goes, not the one that came first."""
    places = make(maximum=2)
    first, second = enter(places, 1.0), enter(places, 2.0, SECOND)
    places.touch(first, 3.0)
    third = enter(places, 4.0)
    assert [first.is_closed, second.is_closed, third.is_closed] == [False, True, False]
    assert places.closed == {"full": 1}


def test_a_client_displaces_only_its_own():
    """At the bound of one client its own longest silent connection goes, and nobody else's."""
    places = make(per_client=2)
    other, first, second = enter(places, 0.0, SECOND), enter(places, 1.0), enter(places, 2.0)
    enter(places, 3.0)
    assert [other.is_closed, first.is_closed, second.is_closed] == [False, True, False]
    assert places.closed == {"client": 1}


def test_an_ipv6_client_is_its_64():
    """Addresses of one /64 are one client, for all of them are one machine's to choose."""
    places = make(per_client=1)
    first = enter(places, 1.0, bytes(15) + b"\1")
    enter(places, 2.0, bytes(15) + b"\2")
    enter(places, 2.0, b"\1" + bytes(15))
    assert first.is_closed
    assert len(places) == 2


def test_who_waits_for_an_answer_does_not_give_way():
    """A connection that waits for an answer stays; where all wait the new one is turned away."""
    places = make(maximum=2)
    busy, idle = enter(places, 1.0), enter(places, 2.0)
    busy.is_busy = True
    late = enter(places, 3.0)
    assert [busy.is_closed, idle.is_closed] == [False, True]
    late.is_busy = True
    assert not places.take(Holder(places), 4.0)
    assert len(places) == 2


def test_idle():
    """After the idle time a connection is closed; activity within the resolution counts as none."""
    places = make()
    first, second = enter(places, 0.0), enter(places, 0.0)
    places.touch(second, 5.0)
    places.touch(second, 5.0 + module.RESOLUTION / 2)
    places.close_idle(10.0)
    assert len(places) == 2
    places.close_idle(10.1)
    assert (first.is_closed, second.is_closed) == (True, False)
    places.close_idle(15.1)
    assert not places


def test_never_more_than_descriptors(monkeypatch):
    """Where this process may not open as many files, the bound follows, and its own are kept free."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    assert make(maximum=2000).maximum == 256 - module.RESERVED_DESCRIPTORS
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    assert make(maximum=2000).maximum == 1


def test_all_the_descriptors_that_there_may_be(monkeypatch):
    """A soft limit below the hard one is raised to it."""
    raised = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 8192))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    assert make(maximum=2000).maximum == 2000
    assert raised == [(8192, 8192)]


def test_a_place_can_be_given_back_once():
    """Giving back a place that was taken away changes nothing."""
    places = make(maximum=1)
    first = enter(places, 1.0)
    enter(places, 2.0)
    places.leave(first)
    places.touch(first, 3.0)
    assert len(places) == 1


@pytest.mark.parametrize("maximum", [1, 3, 8])
@given(st.lists(st.tuples(st.sampled_from(["take", "touch", "leave", "busy"]), st.integers(0, 9)), max_size=120))
def test_bounds_hold(maximum, steps):
    """Whatever happens, no bound is passed, the order is that of activity, and who has no place is forgotten."""
    places = make(maximum=maximum, per_client=2)
    holders: list[Holder] = []
    for now, (step, number) in enumerate(steps):
        if step == "take":
            holders.append(Holder(places, bytes([0, 0, 0, number % 4])))
            places.take(holders[-1], float(now))
        elif holders:
            holder = holders[number % len(holders)]
            if step == "busy":
                holder.is_busy = not holder.is_busy
            elif step == "touch":
                places.touch(holder, float(now))
            else:
                places.leave(holder)
        inside = [*places]
        assert len(inside) <= maximum
        assert max(Counter(holder.address for holder in inside).values(), default=0) <= 2
        assert [holder.active for holder in inside] == sorted(holder.active for holder in inside)
        assert sum(map(len, places._by_client.values())) == len(inside)
