"""Sightings of resolver and proxy side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.evidence.bypass import (
    ACTIVE_SECONDS,
    PATIENCE_SECONDS,
    WINDOW,
    Announced,
    Attendance,
    BlockedNames,
    find_kind,
    to_evidence,
)
from dnsfilter.model import Channel, Grade, Role, Sighting

TTL = 10.0


def sighting(time: float, channel: str, action: str, rule: str = "r", *, is_resolved: bool = False) -> Sighting:
    return Sighting(
        time, "10.0.0.1", "tiktok", "list", rule, Role.WEB, Grade.WEAK, Channel(channel), action, "g", 2, is_resolved
    )


@pytest.mark.parametrize(
    ("blocked", "seen", "is_bypass"),
    [
        (sighting(100, "dns", "sinkhole"), sighting(111, "sni", "refuse", is_resolved=True), True),
        (sighting(100, "dns", "nxdomain"), sighting(100 + WINDOW, "quic", "refuse", is_resolved=True), True),
        (sighting(100, "dns", "sinkhole"), sighting(110, "sni", "refuse", is_resolved=True), False),
        (sighting(100, "dns", "sinkhole"), sighting(90, "sni", "refuse", is_resolved=True), False),
        (sighting(100, "dns", "sinkhole"), sighting(101 + WINDOW, "sni", "refuse", is_resolved=True), False),
        (sighting(100, "dns", "observe"), sighting(200, "sni", "observe", is_resolved=True), False),
        (sighting(100, "dns", "sinkhole"), sighting(200, "sni", "refuse"), False),
        (sighting(100, "dns", "sinkhole", "other"), sighting(200, "sni", "refuse", is_resolved=True), False),
        (sighting(100, "dns", "sinkhole"), sighting(200, "dns", "sinkhole"), False),
    ],
)
def test_a_blocked_name_that_is_reached(blocked: Sighting, seen: Sighting, *, is_bypass: bool) -> None:
    """Only after the blocked answer has lived, within a day, for the same rule, by who resolved the name by itself."""
    names = BlockedNames(TTL)
    assert names.follow("device", blocked) is None
    line = names.follow("device", seen)
    assert (line is not None) is is_bypass
    assert names.follow("another", seen) is None
    if line:
        assert (line.rule, line.grade, line.count) == ("bypass, blocked in DNS: r", Grade.NONE, 2)


def test_asking_again_takes_the_ttl_again() -> None:
    """Who asks before each connection may connect as long as the last answer lives."""
    names = BlockedNames(TTL)
    for time in (100.0, 200.0, 150.0):
        names.follow("device", sighting(time, "dns", "sinkhole"))
    assert names.follow("device", sighting(205, "sni", "refuse", is_resolved=True)) is None


def test_finds_who_never_asks() -> None:
    """Active at the proxy for a while, lately, and no question within a day."""
    who = Attendance()
    for minute in range(20):
        who.note_proxied(["silent", "asking"], minute * 60.0)
        who.note_asking(["asking", "elsewhere"], minute * 60.0)
    who.note_proxied(["new"], 1140.0)
    assert list(who.find_absent(1140.0)) == ["silent"]
    assert list(who.find_absent(1140.0 + ACTIVE_SECONDS + 1)) == []
    late = 1140.0 + WINDOW
    who.note_proxied(["asking"], late)
    who.note_proxied(["asking"], late + PATIENCE_SECONDS)
    assert list(who.find_absent(late + PATIENCE_SECONDS)) == ["asking"]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.floats(0, 1e6))))
def test_who_just_asked_is_never_absent(events: list[tuple[bool, str, float]]) -> None:
    """In any order of events, somebody who has asked within the day is not counted."""
    who = Attendance()
    now = 0.0
    for is_asking, address, pause in events:
        now += pause
        (who.note_asking if is_asking else who.note_proxied)([address], now)
        assert not is_asking or address not in set(who.find_absent(now))


@pytest.mark.parametrize(
    ("rule", "role", "channel", "kind"),
    [
        ("dns.google", "doh", "dns", "doh"),
        ("8.8.8.8/32", "doh", "ip", "doh"),
        ("71.18.0.0/21", "infra", "ip", "ip"),
        ("tiktok.com", "web", "sni", ""),
        (to_evidence("ech", sighting(0, "sni", "refuse")).rule, "infra", "sni", "ech"),
        (to_evidence("name", sighting(0, "sni", "refuse")).rule, "web", "sni", "name"),
    ],
)
def test_kinds(rule: str, role: str, channel: str, kind: str) -> None:
    """An encrypted-DNS endpoint, a bare listed address, and the lines that say so themselves go around the resolver."""
    assert find_kind(rule, role, channel) == kind


def test_news_is_once_a_day() -> None:
    """The same again within a day is no news, and keeps nobody's other ways from being news."""
    announced = Announced()
    assert [announced.is_news(("d-1", "ip"), now) for now in (0.0, WINDOW - 1, WINDOW, WINDOW + 1)] == [
        True,
        False,
        True,
        False,
    ]
    assert announced.is_news(("d-1", "ech"), 0.0)
    assert announced.is_news(("d-2", "ip"), 0.0)
