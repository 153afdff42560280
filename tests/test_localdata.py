"""Records of our own, by owner and type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter import localdata
from dnsfilter.localdata import FEW, MAX_ALIASES, LocalData, compile_local, find_reverse
from dnsfilter.localtable import NO_TABLE
from dnsfilter.names import DESIGNATION
from dnsfilter.settings.resolver import Listen
from dnsfilter.wire.codes import Type
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import build_response
from tests.fakes.messages import ask, parse

DATA = LocalData(
    ["a.corp. 300 A 10.0.0.1", "A.Corp. 300 A 10.0.0.2", "a.corp. 300 AAAA fd00::1", "b.corp. 60 CNAME a.corp."],
    Listen(),
)


@pytest.mark.parametrize(
    ("name", "qtype", "count"),
    [
        ("a.corp", Type.A, 2),
        ("a.corp", Type.AAAA, 1),
        ("b.corp", Type.A, 3),
        ("b.corp", Type.AAAA, 2),
        ("b.corp", Type.CNAME, 1),
    ],
)
def test_find(name, qtype, count):
    """All records of the type; a CNAME for every type, with what it leads to."""
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


def test_alias_that_leads_out_or_to_nothing():
    """Whoever asked goes on from a name that is not ours; where ours has no such type, there is an SOA behind it."""
    data = LocalData(["a. 60 CNAME b.", "b. 60 CNAME www.example.", "c. 60 CNAME d.", "d. 60 A 10.0.0.1"], Listen())
    out = parse(build_response(Query(ask("a", "A")), 0, data.find("a", Type.A)))
    assert [(str(rr.rname), str(rr.rdata)) for rr in out.rr] == [("a.", "b."), ("b.", "www.example.")]
    nothing = parse(build_response(Query(ask("c", "TXT")), 0, data.find("c", Type.TXT)))
    assert [(str(rr.rname), rr.rtype) for rr in (*nothing.rr, *nothing.auth)] == [("c.", 5), ("d.", 6)]
    assert [str(rr.rdata) for rr in parse(build_response(Query(ask("c")), 0, data.find("c", Type.A))).rr] == [
        "d.",
        "10.0.0.1",
    ]


def test_aliases_in_a_circle_end():
    """Two names that lead to each other are answered, and soon."""
    data = LocalData(["a. 60 CNAME b.", "b. 60 CNAME a."], Listen())
    assert data.find("a", Type.A).answers == MAX_ALIASES


def test_records_that_say_the_same_are_one():
    """A hosts file has localhost too."""
    data = LocalData(["localhost. 60 IN A 127.0.0.1", "localhost. 60 IN A 127.0.0.2"], Listen())
    assert data.find("localhost", Type.A).answers == 2


def test_addresses_lead_back():
    """RFC 1035 section 3.5, RFC 3596 section 2.5: a PTR to the first name, unless something else says otherwise."""
    lines = ["A.Corp. 300 A 10.0.0.1", "b.corp. 60 IN A 10.0.0.1", "a.corp. 300 AAAA fd00::1", "c.corp. 60 A 10.0.0.2"]
    lines += ["2.0.0.10.in-addr.arpa. 60 IN PTR other.corp.", "loop.corp. 60 IN A 127.0.0.1", "c.corp. 60 TXT text"]
    assert list(find_reverse(lines)) == [
        "1.0.0.10.in-addr.arpa. 300 IN PTR a.corp.",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 300 IN PTR a.corp.",
    ]
    data = LocalData([*lines, *find_reverse(lines)], Listen())
    for name, target in (("1.0.0.10", "a.corp."), ("2.0.0.10", "other.corp."), ("1.0.0.127", "localhost.")):
        query = Query(ask(f"{name}.in-addr.arpa", "PTR"))
        (record,) = parse(build_response(query, 0, data.find(query.name, Type.PTR))).rr
        assert str(record.rdata) == target


def test_many_records_cost_little_until_they_are_asked_for():
    """A line of the plainest form is only kept; what is wrong with it is said when it is asked for."""
    data = LocalData(["a.corp. 60 IN A nonsense"], Listen())
    with pytest.raises(ValueError, match="nonsense"):
        data.find("a.corp", Type.A)


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("a.localhost", r"\042.localhost"),
        ("a.b.localhost", r"\042.localhost"),
        ("app.corp", None),
        ("a.app.corp", r"\042.app.corp"),
        ("b.a.app.corp", r"\042.app.corp"),
        ("own.app.corp", "own.app.corp"),
        ("below.own.app.corp", None),
        ("corp", None),
        (".", None),
    ],
)
def test_wildcards(name, owner):
    """RFC 4592 section 3.3.1: the wildcard nearest above answers unless a name in between exists, and has no PTR."""
    lines = ["*.app.corp. 60 IN A 10.0.0.1", "own.app.corp. 60 IN A 10.0.0.2"]
    data = LocalData(lines, Listen())
    assert data.locate(name) == owner
    assert owner is None or data.find(owner, Type.A).answers == 1
    assert [line.split()[-1] for line in find_reverse(lines)] == ["own.app.corp."]


LINES = st.sampled_from(
    [
        "a.corp. 60 IN A 10.0.0.1",
        "a.corp. 60 IN A 10.0.0.2",
        "a.corp. 30 IN AAAA fd00::1",
        "b.corp. 60 IN A 10.0.0.3",
        "b.corp. 60 IN TXT text",
        "B.Corp. 60 IN A 10.0.0.4",
        "c.corp. 60 IN CNAME a.corp.",
        "d.corp. 60 IN CNAME b.corp.",
        "e.corp. 60 IN CNAME www.example.",
        "f.corp. 60 IN PTR A.corp.",
        "1.0.0.10.in-addr.arpa. 300 IN PTR a.corp.",
        "*.corp. 60 IN A 10.0.0.5",
        "localhost. 60 IN A 127.0.0.2",
        "1.0.0.127.in-addr.arpa. 60 IN PTR a.corp.",
    ]
)
ASKED = [*(f"{letter}.corp" for letter in "abcdefx"), "x.a.corp", "localhost", "x.localhost", "corp"]
ASKED += ["1.0.0.10.in-addr.arpa", "1.0.0.127.in-addr.arpa", "2.0.0.10.in-addr.arpa"]


@given(st.lists(LINES, max_size=8))
def test_ready_made_records_answer_like_any(lines):
    """Whatever is in the table and whatever is not, every question has the answer that it had without one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(localdata, "FEW", 0)
        kept, table = compile_local(lines)
    plain, ready = LocalData(lines, Listen()), LocalData(kept, Listen(), table)
    assert not {*ready.owners} & {name for name in ASKED if name in table}
    for name in ASKED:
        owner = ready.locate(name)
        assert owner == plain.locate(name)
        for qtype in (Type.A, Type.AAAA, Type.PTR, Type.TXT, Type.CNAME) if owner else ():
            found, expected = ready.find(owner, qtype), plain.find(owner, qtype)
            assert (found.answers, found.authorities, found.body) == (
                expected.answers,
                expected.authorities,
                expected.body,
            )


def test_few_records_need_no_table():
    """They stay as they are; of many, those of a hosts file are all in the table."""
    hosts = [f"h{number}.corp. 60 IN A 10.0.{number // 256}.{number % 256}" for number in range(FEW + 1)]
    assert compile_local(hosts[:FEW]) == (tuple(hosts[:FEW]), NO_TABLE)
    kept, table = compile_local(hosts)
    assert (kept, len(table)) == ((), FEW + 1)
