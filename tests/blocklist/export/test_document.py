"""What exports share."""

from dnsfilter.blocklist.export.document import MAX_EXAMPLES, find_addresses, tell_loss
from dnsfilter.model import DnsAction
from tests.fakes.coverage import SINKHOLE


def test_losses_are_counted_and_shown_shortened():
    """Nothing lost is nothing told; many are a count and the first."""
    assert tell_loss([], "left out") == []
    assert tell_loss(["a.example"], "left out") == ["left out: 1 (a.example)"]
    [told] = tell_loss([f"n{number}" for number in range(50)], "left out")
    assert told.startswith("left out: 50 (n0, n1")
    assert told.count("n") == MAX_EXAMPLES
    assert told.endswith("…)")


def test_addresses():
    """Only the sinkhole has addresses of its own."""
    assert find_addresses(DnsAction.SINKHOLE, SINKHOLE) == ("192.0.2.66", "2001:db8::66")
    assert find_addresses(DnsAction.NULL, SINKHOLE) == find_addresses(DnsAction.NXDOMAIN, SINKHOLE) == ("0.0.0.0", "::")
