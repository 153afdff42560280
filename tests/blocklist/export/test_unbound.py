"""Unbound's local zones."""

import pytest

from dnsfilter.blocklist.export.unbound import write_unbound
from dnsfilter.model import DnsAction
from tests.fakes.coverage import SINKHOLE, cover, exact, suffix

DATA = ['  local-data: "a.example. 10 A 192.0.2.66"', '  local-data: "a.example. 10 AAAA 2001:db8::66"']


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (suffix("a.example"), ['  local-zone: "a.example." redirect', *DATA]),
        (exact("a.example"), ['  local-zone: "a.example." transparent', *DATA]),
        (suffix("a.example", DnsAction.NULL), ['  local-zone: "a.example." always_null']),
        (suffix("a.example", DnsAction.NODATA), ['  local-zone: "a.example." always_nodata']),
        (suffix("a.example", DnsAction.NXDOMAIN), ['  local-zone: "a.example." always_nxdomain']),
        (suffix("a.example", DnsAction.REFUSED), ['  local-zone: "a.example." always_refuse']),
        (
            exact("a.example", DnsAction.NODATA),
            ['  local-zone: "a.example." transparent', "  local-data: 'a.example. 10 TXT \"\"'"],
        ),
        (suffix("a.example", None), []),
    ],
)
def test_one_rule(rule, lines):
    """Each answer has its zone type; a name alone is data in a transparent zone."""
    assert write_unbound(cover(rule), SINKHOLE, 7) == (["server:", *lines], [])


def test_what_it_cannot_say():
    """A name freed alone frees what is below it; NXDOMAIN for a name alone becomes NODATA: both are told."""
    rules = suffix("a.example"), exact("b.a.example", None), exact("c.example", DnsAction.NXDOMAIN)
    lines, losses = write_unbound(cover(*rules), SINKHOLE, 7)
    assert '  local-zone: "b.a.example." always_transparent' in lines
    assert losses == [
        "what is below the name goes free with it: 1 (b.a.example)",
        "NODATA for the name alone instead of NXDOMAIN or REFUSED: 1 (c.example)",
    ]
