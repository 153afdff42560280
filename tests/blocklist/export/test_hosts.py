"""The hosts file."""

from dnsfilter.blocklist.export.hosts import write_hosts
from dnsfilter.model import DnsAction, Match
from tests.fakes.coverage import SINKHOLE, cover, exact, rule, suffix


def test_names_get_addresses_and_the_rest_is_told():
    """Every blocked name that lists mention is there, also below another one; freed ones, and all else, are not."""
    coverage = cover(
        suffix("a.example"),
        exact("b.a.example"),
        exact("c.a.example", None),
        exact("d.example", DnsAction.NODATA),
        rule(Match.PATTERN, "x*.y.example"),
    )
    assert write_hosts(coverage, SINKHOLE, 7) == (
        [
            *("192.0.2.66 a.example", "2001:db8::66 a.example"),
            *("192.0.2.66 b.a.example", "2001:db8::66 b.a.example"),
            *("0.0.0.0 d.example", ":: d.example"),
        ],
        [
            "only the name itself, not what is below it: 1 (a.example)",
            "a pattern within a label, left out: 1 (x*.y.example)",
        ],
    )
