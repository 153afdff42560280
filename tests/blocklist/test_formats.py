"""The choice of syntax, and how fast large lists are read."""

import time

import pytest

from dnsfilter.blocklist.formats import parse_list
from dnsfilter.model import ListFormat
from dnsfilter.settings.order import Blocklist

LINES = {
    ListFormat.DOMAINS: "{}",
    ListFormat.HOSTS: "0.0.0.0 {}",
    ListFormat.ADBLOCK: "||{}^",
    ListFormat.DNSMASQ: "address=/{}/0.0.0.0",
    ListFormat.RPZ: "{} CNAME .",
}


def test_the_ending_tells_a_catalogue():
    """Without `format`, a YAML file is a catalogue and any other a list of domains."""
    catalogue = parse_list("app: x\nentries: [{exact: a.example}]", "f", Blocklist(name="x", file="x.yaml"))
    assert [rule.text for rule in catalogue.rules] == ["a.example"]
    assert parse_list("a.example", "f", Blocklist(name="x", file="x.txt")).suffixes == ["a.example"]


@pytest.mark.parametrize(("syntax", "line"), LINES.items())
def test_large_lists(syntax, line):
    """100,000 lines of any syntax take less than a second of CPU time, and none is lost."""
    text = "\n".join(line.format(f"n{number}.example.com") for number in range(100_000))
    started = time.process_time()
    parsed = parse_list(text, "f", Blocklist(name="x", file="x", format=syntax))
    assert time.process_time() - started < 1
    assert len(parsed.suffixes) + len(parsed.exacts) == 100_000
