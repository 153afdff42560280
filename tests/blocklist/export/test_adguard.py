"""The AdGuard list."""

import pytest

from dnsfilter.blocklist.export.adguard import write_adguard
from dnsfilter.blocklist.parsed import ParsedList
from tests.fakes.coverage import SINKHOLE, cover, exact, suffix


@pytest.mark.parametrize(
    ("rules", "lines"),
    [
        ([suffix("a.example")], ["||a.example^"]),
        ([exact("a.example")], ["|a.example|"]),
        ([suffix("a.example", None)], []),
        ([suffix("a.example"), suffix("b.a.example", None)], ["||a.example^", "@@||b.a.example^"]),
        ([suffix("a.example"), exact("b.a.example", None)], ["||a.example^", "@@|b.a.example|"]),
        ([suffix("a.example"), exact("b.a.example")], ["||a.example^"]),
    ],
)
def test_rules(rules, lines):
    """A name alone and a name with all below it have each their form, to block and to free."""
    assert write_adguard(cover(*rules), SINKHOLE, 7) == (lines, [])


def test_only_what_is_below():
    """What is below a name without the name itself is a rule and an exception."""
    assert write_adguard(cover(parsed=ParsedList(below=["a.example"])), SINKHOLE, 7).lines == [
        *("||a.example^", "@@|a.example|")
    ]


def test_what_is_blocked_within_what_is_freed_is_told():
    """An exception would beat it, so it is left out and told."""
    coverage = cover(suffix("a.example"), suffix("b.a.example", None), suffix("c.b.a.example"))
    lines, losses = write_adguard(coverage, SINKHOLE, 7)
    assert lines == ["||a.example^", "@@||b.a.example^"]
    assert losses == ["free because what is above or below is freed: 1 (c.b.a.example)"]
