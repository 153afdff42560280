"""The dnsmasq syntax."""

import pytest

from dnsfilter.blocklist.dnsmasq import DNSMASQ
from dnsfilter.blocklist.lines import parse_lines


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("address=/a.example/", ["a.example"]),
        ("address=/a.example/#", ["a.example"]),
        ("address=/a.example/0.0.0.0", ["a.example"]),
        ("address=/a.example/192.0.2.1", ["a.example"]),
        ("address=/a.example/::  # why", ["a.example"]),
        ("server=/a.example/", ["a.example"]),
        ("local=/a.example/b.example/", ["a.example", "b.example"]),
        ("address=/.a.example/0.0.0.0", ["a.example"]),
        ("address = /a.example/0.0.0.0", ["a.example"]),
        ('address="/a.example/0.0.0.0"', ["a.example"]),
        ("# address=/a.example/", []),
    ],
)
def test_directives_that_block(line, names):
    """The three directives list their names with all below them."""
    parsed = parse_lines(line, "f", DNSMASQ)
    assert (parsed.suffixes, parsed.problems) == (names, ())


def test_a_wildcard_is_what_is_below():
    """`*.name` says nothing of the name itself, as dnsmasq has it since 2.86."""
    parsed = parse_lines("address=/*.a.example/0.0.0.0\nserver=/*.b.a.example/#", "f", DNSMASQ)
    assert (parsed.below, parsed.passed_below, parsed.problems) == (["a.example"], ["b.a.example"], ())


def test_the_standard_servers_free_a_name():
    """`server=/name/#` takes a name out of what a shorter one blocks."""
    parsed = parse_lines("local=/example.com/\nserver=/www.example.com/#", "f", DNSMASQ)
    assert (parsed.suffixes, parsed.passed_suffixes) == (["example.com"], ["www.example.com"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("server=/a.example/192.0.2.1", "upstreams"),
        ("server=192.0.2.1", "are supported"),
        ("no-resolv", "are supported"),
        ("address=/#/0.0.0.0", "too broad"),
        ("address=/*a.example/0.0.0.0", "a wildcard within a label"),
        ("address=/a.*/0.0.0.0", "a wildcard within a label"),
        ("address=/a.example/0.0.0.0#why", "is not an address"),
        ("address=/com/0.0.0.0", "too broad"),
        ("address=/a.example/nowhere", "is not an address"),
    ],
)
def test_other_directives_are_refused_by_name(line, reason):
    """What does not block is a problem and says why."""
    parsed = parse_lines(f"local=/good.example/\n{line}", "f", DNSMASQ)
    assert parsed.suffixes == ["good.example"]
    assert reason in parsed.problems[0].message
