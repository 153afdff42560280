"""The guess at a list's syntax."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.guess import SAMPLE, guess_format
from dnsfilter.model import ListFormat

LINES = {
    ListFormat.DOMAINS: "n{}.example",
    ListFormat.HOSTS: "0.0.0.0 n{}.example",
    ListFormat.ADBLOCK: "||n{}.example^",
    ListFormat.DNSMASQ: "address=/n{}.example/#",
    ListFormat.RPZ: "n{}.example CNAME .",
}


@pytest.mark.parametrize("syntax", LINES)
@pytest.mark.parametrize("count", [1, 40, 20_000])
def test_each_syntax_is_known_by_its_lines(syntax, count):
    """A list of one name and one far longer than the sample are told by what they look like."""
    lines = [LINES[syntax].format(number) for number in range(count)]
    assert guess_format("# comment\n" * (syntax is not ListFormat.RPZ) + "\n".join(lines), "list.txt") is syntax


def test_a_zone_without_names_is_known():
    """Triggers about addresses and clients count as much as names."""
    assert guess_format("32.1.2.0.192.rpz-client-ip CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n", "f") is ListFormat.RPZ


def test_a_catalogue_is_known_by_its_ending():
    """YAML is a catalogue, whatever it holds."""
    assert guess_format("", "x.yaml") is guess_format("a.example", "x.yml") is ListFormat.CATALOGUE


@given(st.text(max_size=300))
def test_any_text_gets_a_guess(text):
    """A guess never fails; whether the text can be used is the parser's to say."""
    assert guess_format(text * (SAMPLE // 300), "f") in LINES
