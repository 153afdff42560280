"""What a forwarder owes its clients beyond RFC 8906, on names forwarded, cached and blocked, over every transport.

Every probe is a change to a plain query; the comment beside it says which RFC asks for the answer.
"""

import random
import socket
import struct
from collections.abc import Callable

import pytest
from dnslib import QTYPE

from tests.conformance.conftest import LARGEST, NSID, STATES, State
from tests.conformance.transports import PATIENCE, Exchange, over_tcp, over_tls, over_udp
from tests.e2e.server import Server
from tests.fakes.messages import ask, edns, extended_errors, opts, parse
from tests.fakes.monsters import QUERIES
from tests.fakes.upstream import FakeUpstream

NOERROR, FORMERR, NOTIMP, REFUSED, BADVERS = 0, 1, 4, 5, 16
RD, AD, CD, DO = 0x0100, 0x0020, 0x0010, 0x8000
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
TYPES = {"IXFR": 251, "AXFR": 252, "MAILB": 253, "MAILA": 254, "TKEY": 249, "TSIG": 250, "OPT": 41}
CLASSES = {"HESIOD": 4, "NONE": 254, "ANY": 255, "of nobody": 32_769}


def put(offset: int, value: int, message: bytes) -> bytes:
    """Return a message with another 16-bit word."""
    return message[:offset] + value.to_bytes(2, "big") + message[offset + 2 :]


def plain(name: str) -> bytes:
    """Return a query without EDNS."""
    return ask(name)


Make = Callable[[str], bytes]
PROBES: dict[str, tuple[Make, int | None]] = {
    "no question": (lambda name: put(4, 0, plain(name)), FORMERR),  # RFC 9619 section 4
    "no question, header only": (lambda name: put(4, 0, plain(name)[:12]), FORMERR),
    "two questions": (lambda name: put(4, 2, plain(name)) + plain(name)[12:], FORMERR),  # RFC 9619 section 4
    "65,535 questions": (lambda name: put(4, 65_535, plain(name)), FORMERR),
    "an answer in a query": (lambda name: put(6, 1, plain(name)) + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4", FORMERR),
    "an authority in a query": (lambda name: put(8, 1, plain(name)) + b"\xc0\x0c\0\2\0\1\0\0\0\0\0\2\xc0\x0c", FORMERR),
    "octets behind the question": (lambda name: plain(name) + b"\0", FORMERR),
    "cut in the question": (lambda name: plain(name)[:-1], FORMERR),
    "a response": (lambda name: put(2, 0x8180, plain(name)), None),
    "two OPT": (lambda name: put(10, 2, plain(name)) + OPT * 2, FORMERR),  # RFC 6891 section 6.1.1
    "OPT of somebody": (lambda name: put(10, 1, plain(name)) + b"\1a" + OPT, FORMERR),  # RFC 6891 section 6.1.2
    "OPT cut in an option": (lambda name: put(10, 1, plain(name)) + OPT[:-1] + b"\4\0\x0a\0\x40", FORMERR),
    "EDNS 255": (lambda name: ask(name, opt=edns(version=255)), BADVERS),  # RFC 6891 section 6.1.3
    "an additional record": (lambda name: put(10, 1, plain(name)) + b"\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4", NOERROR),
    "options without number": (lambda name: ask(name, opt=edns(options=[(65_001, b"x")] * 80)), NOERROR),
    "a payload of 0": (lambda name: ask(name, opt=edns(0)), NOERROR),  # RFC 6891 section 6.2.3: as 512
    **{  # RFC 8906 section 3.1.4
        f"opcode {opcode}": (lambda name, opcode=opcode: put(2, opcode << 11, plain(name)), NOTIMP)
        for opcode in range(1, 16)
    },
    **{  # RFC 5936 section 2, RFC 6895 section 3.1
        f"type {text}": (lambda name, number=number: ask(name, number), REFUSED) for text, number in TYPES.items()
    },
    **{  # RFC 6895 section 3.2
        f"class {text}": (lambda name, number=number: ask(name, qclass=number), REFUSED)
        for text, number in CLASSES.items()
    },
}


@pytest.mark.parametrize("name", PROBES)
def test_probe(server: Server, exchange: Exchange, state: State, name: str) -> None:
    """The rcode is the RFC's, ID, opcode, RD and CD are the query's, AD is never set, OPT only where asked for."""
    make, rcode = PROBES[name]
    message = make(state.name)
    response = exchange(server, message)
    if rcode is None:
        assert response is None
        return
    assert response
    record = parse(response)
    flags = int.from_bytes(message[2:4], "big")
    assert record.header.bitmap & 0xFFF0 & ~0x0080 == 0x8000 | flags & (0x7800 | RD | CD)
    assert message[:2] == response[:2]
    found = opts(record)
    assert len(found) <= ("edns" in make.__code__.co_names)
    assert record.header.rcode | sum(opt.ttl >> 20 & 0xFF0 for opt in found) == rcode
    assert all(opt.rclass == 1232 for opt in found)


@pytest.mark.parametrize("opt", [None, edns(), edns(do=True)], ids=["plain", "edns", "do"])
@pytest.mark.parametrize("flags", [0, RD, RD | AD, RD | CD, AD | CD])
def test_flags(server: Server, exchange: Exchange, state: State, flags: int, opt) -> None:
    """RFC 6840 section 5.7, RFC 4035 section 3.2: AD for those that ask, never on what we make up; RD, CD copied."""
    response = exchange(server, ask(state.name, flags=flags, opt=opt))
    assert response
    header = parse(response).header
    is_ours = state is STATES["blocked"]
    wants_ad = bool(flags & AD) or bool(opt and opt.ttl & DO)
    assert header.bitmap & (RD | CD | AD | 0x0080) == flags & (RD | CD) | 0x0080 | (wants_ad and not is_ours) * AD
    assert not header.aa
    assert [str(rr.rdata) for rr in parse(response).rr] == [state.address]


def test_spelling_comes_back(server: Server, exchange: Exchange, state: State) -> None:
    """RFC 1035 section 2.3.3, RFC 5452 section 9.2: the question in the response is the query's to the letter."""
    name = "".join(random.Random(state.name).choice([letter, letter.upper()]) for letter in state.name)
    response = exchange(server, ask(name))
    assert response
    assert response[12 : 12 + len(name) + 2] == ask(name)[12 : 12 + len(name) + 2]


def test_any_is_minimal(server: Server, exchange: Exchange, state: State) -> None:
    """RFC 8482 section 4: at most one RRset, small enough for no amplification."""
    response = exchange(server, ask(state.name, "ANY", opt=edns()))
    assert response
    assert len(response) < 250
    assert len(parse(response).rr) <= 1


def test_extended_errors(server: Server, exchange: Exchange, state: State) -> None:
    """RFC 8914: what we make up says so in OPT, what is resolved says nothing, and without OPT there is no place."""
    response = exchange(server, ask(state.name, opt=edns()))
    assert response
    expected = [15, 4] if state is STATES["blocked"] else []  # Blocked is why, Forged Answer what was done
    assert [code for code, _ in extended_errors(parse(response))] == expected
    response = exchange(server, ask(state.name))
    assert response
    assert not opts(parse(response))


@pytest.mark.parametrize("flags", [RD, RD | CD])
def test_what_the_upstream_hears(server: Server, upstream: FakeUpstream, flags: int) -> None:
    """DO and CD are handed through (RFC 4035 section 4.6), RD is set, and no option of the client's passes."""
    options = [(10, bytes(8)), (8, b"\0\1\x18\0\xc0\0\2"), (100, b"x"), (3, b"")]
    for do in (False, True):
        over_udp(server, ask("forwarded.example", flags=flags, opt=edns(4096, do=do, options=options)))
        heard = parse(upstream.queries[-1])
        (opt,) = opts(heard)
        assert heard.header.bitmap & (RD | CD) == flags
        assert (opt.ttl, opt.rclass) == (do * DO, 1232)
        assert {option.code for option in opt.rdata} <= {10}  # a cookie of our own towards the upstream


@pytest.mark.parametrize("excess", [-400, -1, 0, 1, 200])
def test_truncates_to_the_octet(server: Server, excess: int) -> None:
    """RFC 2181 section 9, RFC 6891 section 6.2.5: whole where it fits the client's payload, else TC, no records."""
    whole = over_tcp(server, ask("sixty.example", opt=edns()))
    assert whole
    payload = len(whole) + excess
    response = over_udp(server, ask("sixty.example", opt=edns(payload)))
    assert response
    header = parse(response).header
    assert (header.tc, header.a) == ((0, 60) if excess >= 0 else (1, 0))
    assert len(response) <= payload


@pytest.mark.parametrize(("name", "tc"), [("full.example", 0), ("over.example", 1)])
def test_no_datagram_is_larger_than_ours_may_be(server: Server, name: str, tc: int) -> None:
    """DNS flag day 2020: however much a client takes, 1,232 octets are the most, and TCP brings the rest."""
    message = ask(name, "TXT", opt=edns(4096))
    response, whole = over_udp(server, message), over_tcp(server, message)
    assert response
    assert whole
    assert (len(whole), parse(response).header.tc) == (LARGEST + tc, tc)


def test_pipelines(server: Server) -> None:
    """RFC 7766 section 6.2.1.1 and 7: many queries in any pieces, each answered under its own ID, in any order."""
    names = [state.name for state in STATES.values()]
    queries = [ask(names[number % 3], identifier=number) for number in range(300)]
    stream = b"".join(struct.pack("!H", len(query)) + query for query in queries)
    answered = set()
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        source = random.Random(7766)
        while stream:
            piece, stream = (stream[: (size := source.randint(1, 700))], stream[size:])
            client.sendall(piece)
        with client.makefile("rb") as responses:
            for _ in queries:
                response = responses.read(struct.unpack("!H", responses.read(2))[0])
                identifier = int.from_bytes(response[:2], "big")
                assert parse(response).q == parse(queries[identifier]).q
                answered.add(identifier)
    assert len(answered) == len(queries)


@pytest.mark.parametrize(
    ("name", "qtype", "rcode"),
    [
        ("localhost", "A", NOERROR),  # RFC 6761 section 6.3
        ("a.b.localhost", "A", NOERROR),
        ("1.0.0.127.in-addr.arpa", "PTR", None),  # RFC 6303 section 4.2
        ("1.1.168.192.in-addr.arpa", "PTR", 3),  # RFC 6303 section 4.1
        ("d.f.ip6.arpa", "SOA", None),  # RFC 6303 section 4.4
        ("a.invalid", "A", 3),  # RFC 6761 section 6.4
        ("a.test", "A", 3),  # RFC 6761 section 6.2
        ("a.onion", "A", 3),  # RFC 7686 section 2
        ("a.home.arpa", "A", 3),  # RFC 8375 section 4
        ("_dns.resolver.arpa", "SVCB", NOERROR),  # RFC 9462 section 6.4
        ("use-application-dns.net", "A", None),  # the canary of Firefox
    ],
)
def test_never_leaves(server: Server, upstream: FakeUpstream, exchange: Exchange, name: str, qtype: str, rcode) -> None:
    """Special names are answered here, and no upstream hears of them."""
    before = len(upstream.queries)
    response = exchange(server, ask(name, qtype))
    assert response
    assert rcode is None or parse(response).header.rcode == rcode
    assert len(upstream.queries) == before


def test_chaos_is_no_class_of_ours(server: Server, exchange: Exchange) -> None:
    """RFC 4892 section 3: what we tell of ourselves is what the configuration says, and nothing else."""
    told = {"hostname.bind": NSID, "id.server": NSID}
    for name in ("version.bind", "version.server", "hostname.bind", "id.server", "authors.bind"):
        response = exchange(server, ask(name, "TXT", qclass=3))
        assert response
        record = parse(response)
        assert record.header.rcode == (NOERROR if name in told else REFUSED)
        assert [str(rr.rdata).strip('"') for rr in record.rr if rr.rtype == QTYPE.TXT] == [
            *filter(None, [told.get(name)])
        ]


def options_of(server: Server, exchange: Exchange, name: str, *options: tuple[int, bytes]) -> dict[int, bytes]:
    """Return the options of the response to a query with options; none stands there twice."""
    response = exchange(server, ask(name, opt=edns(options=options)))
    assert response
    found = [(option.code, option.data) for opt in opts(parse(response)) for option in opt.rdata]
    assert len(set(found)) == len(found)
    return dict(found)


def test_options_that_are_answered(server: Server, exchange: Exchange, state: State) -> None:
    """NSID (RFC 5001), cookies (RFC 7873 section 5.2, RFC 9018 section 4), keepalive (RFC 7828 section 3.3.2)."""
    blocked = {15} if state is STATES["blocked"] else set()
    assert set(options_of(server, exchange, state.name)) == blocked
    assert options_of(server, exchange, state.name, (3, b""))[3] == NSID.encode()
    cookie = options_of(server, exchange, state.name, (10, b"ourchoic"))[10]
    assert (len(cookie), cookie[:12]) == (24, b"ourchoic\1\0\0\0")
    assert options_of(server, exchange, state.name, (10, cookie))[10][:8] == cookie[:8]
    assert (11 in options_of(server, exchange, state.name, (11, b""))) == (exchange in (over_tcp, over_tls))
    several = (3, b""), (10, b"ourchoic"), (8, b"\0\1\0\0"), (9, b""), (100, b"")
    assert set(options_of(server, exchange, state.name, *several)) == {3, 10} | blocked


@pytest.mark.parametrize("length", [1, 7, 9, 15, 41, 60])
def test_cookies_of_wrong_length(server: Server, exchange: Exchange, state: State, length: int) -> None:
    """RFC 7873 section 5.2.2: a cookie of an impossible length is malformed."""
    response = exchange(server, ask(state.name, opt=edns(options=[(10, bytes(length))])))
    assert response
    assert parse(response).header.rcode == FORMERR


@pytest.mark.parametrize("name", QUERIES)
def test_messages_made_to_be_work(server: Server, exchange: Exchange, name: str) -> None:
    """Whatever fills 64 KB, over any transport, has an answer, a refusal or silence, and the next query its answer."""
    message = QUERIES[name]
    if exchange is not over_udp:
        response = exchange(server, message)
        assert response is None or response[:2] == message[:2]
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(message[:65_507], ("127.0.0.1", server.port))
    response = exchange(server, ask(STATES["cached"].name))
    assert response
    assert [str(rr.rdata) for rr in parse(response).rr] == [STATES["cached"].address]
    assert "unexpected" not in server.running.output
    assert "Traceback" not in server.running.output
