"""Records of our own, by owner and type."""

import pytest

from dnsfilter.localdata import LocalData
from dnsfilter.names import DESIGNATION
from dnsfilter.settings.resolver import Listen
from dnsfilter.wire.codes import Type

DATA = LocalData(
    ["a.corp. 300 A 10.0.0.1", "A.Corp. 300 A 10.0.0.2", "a.corp. 300 AAAA fd00::1", "b.corp. 60 CNAME a.corp."],
    Listen(),
)


@pytest.mark.parametrize(
    ("name", "qtype", "count"),
    [
        ("a.corp", Type.A, 2),
        ("a.corp", Type.AAAA, 1),
        ("b.corp", Type.A, 1),
        ("b.corp", Type.CNAME, 1),
    ],
)
def test_find(name, qtype, count):
    """All records of the type, a CNAME for every type, and nothing for a type the name does not have."""
    records = DATA.find(name, qtype)
    assert records is not None
    assert (records.answers, bool(records.body)) == (count, count > 0)


@pytest.mark.parametrize("name", ["corp", "c.corp", "x.a.corp", "."])
def test_other_names(name):
    """A name that has no record is somebody else's."""
    assert name not in DATA.owners


def test_line_that_is_no_record():
    """ValueError names it."""
    with pytest.raises(ValueError, match="nonsense"):
        LocalData(["nonsense"], Listen())


def test_a_type_that_is_not_there_is_nodata():
    """A name of ours without the asked type has no answer, and an SOA that says for how long (RFC 2308)."""
    found = DATA.find("a.corp", Type.MX)
    assert (found.answers, found.authorities) == (0, 1)


@pytest.mark.parametrize("qtype", [Type.A, Type.AAAA])
def test_localhost_is_always_there(qtype):
    """RFC 6761 section 6.3: localhost is answered here."""
    assert LocalData([], Listen()).find("localhost", qtype).answers == 1


def test_designates_what_listens():
    """HTTPS comes first, then TLS, once per port, each with its protocol; nothing is designated without a name."""
    certificate = {"chain": "a", "key": "b"}
    ports = {"https": ["192.0.2.1:443", "[2001:db8::1]:443"], "tls": ["192.0.2.1:8853"], "certificate": certificate}
    data = LocalData([], Listen.model_validate({**ports, "name": "dns.example"}))
    records = data.find(DESIGNATION, Type.SVCB)
    assert records.answers == 2
    https, tls = records.body.split(b"\xc0\x0c")[1:]
    target = b"\x03dns\x07example\0"
    assert https[10:] == b"\0\1" + target + b"\0\1\0\3\x02h2\0\3\0\2\x01\xbb\0\7\0\x10/dns-query{?dns}"
    assert tls[10:] == b"\0\2" + target + b"\0\1\0\4\x03dot\0\3\0\2\x22\x95"
    assert DESIGNATION not in LocalData([], Listen.model_validate(ports)).owners
    assert data.find(DESIGNATION, Type.A).answers == 0
