"""Numbers against the other codec's, and names of response codes."""

import dnslib
import pytest

from dnsfilter.wire.codes import Rcode, Type, rcode_text

NOT_IN_DNSLIB = {Type.SVCB, Type.MAILB, Type.MAILA, Type.TKEY}


@pytest.mark.parametrize("rtype", sorted(set(Type) - NOT_IN_DNSLIB))
def test_types(rtype):
    """A type has the number that the other codec has for its name."""
    assert getattr(dnslib.QTYPE, rtype.name) == rtype


@pytest.mark.parametrize(
    ("rcode", "text"), [(Rcode.NXDOMAIN, "NXDOMAIN"), (0, "NOERROR"), (16, "BADVERS"), (11, "other")]
)
def test_rcode_text(rcode, text):
    """Codes we do not name share one word, so that labels stay a closed set."""
    assert rcode_text(rcode) == text
