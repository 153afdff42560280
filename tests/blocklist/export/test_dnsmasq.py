"""Dnsmasq's directives."""

import pytest

from dnsfilter.blocklist.export.dnsmasq import write_dnsmasq
from dnsfilter.model import DnsAction
from tests.fakes.coverage import SINKHOLE, cover, exact, suffix

BLOCK = ["address=/a.example/192.0.2.66", "address=/a.example/2001:db8::66", "local=/a.example/"]


@pytest.mark.parametrize(
    ("rules", "lines"),
    [
        ([suffix("a.example")], BLOCK),
        ([exact("a.example")], [*BLOCK, "server=/*.a.example/#"]),
        ([suffix("a.example", DnsAction.NXDOMAIN)], ["address=/a.example/"]),
        ([suffix("a.example"), suffix("b.a.example", None)], [*BLOCK, "server=/b.a.example/#"]),
        (
            [suffix("a.example"), exact("b.a.example", None)],
            [
                *BLOCK,
                "server=/b.a.example/#",
                *("address=/*.b.a.example/192.0.2.66", "address=/*.b.a.example/2001:db8::66", "local=/*.b.a.example/"),
            ],
        ),
    ],
)
def test_rules(rules, lines):
    """A name and what is below it are said apart where they differ."""
    assert write_dnsmasq(cover(*rules), SINKHOLE, 7) == (lines, [])


def test_what_it_cannot_say():
    """NODATA and REFUSED become NXDOMAIN, and are told."""
    document = write_dnsmasq(cover(suffix("a.example", DnsAction.NODATA)), SINKHOLE, 7)
    assert document == (["address=/a.example/"], ["NXDOMAIN instead of NODATA or REFUSED: 1 (a.example)"])
