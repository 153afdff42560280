"""The tests of RFC 8906 section 8, each on a name that is forwarded, one that is cached and one that is blocked.

Queries are those of the dig commands there, for an address instead of the SOA, for every name of ours has one. What is
8.1.5 there, TCP, is here one of the transports of every other test.
"""

from dataclasses import dataclass

import pytest
from dnslib import QTYPE, RR

from tests.conformance.conftest import STATES, State
from tests.conformance.transports import Exchange, over_udp
from tests.e2e.server import Server
from tests.fakes.messages import ask, edns, opts, parse
from tests.fakes.upstream import FakeUpstream

NOERROR, NOTIMP, BADVERS = 0, 4, 16
RD, AD, CD, Z = 0x0100, 0x0020, 0x0010, 0x0040
DEFINED = ((10, bytes(8)), (3, b""), (9, b""), (8, b"\0\1\0\0"))
"""Cookie, NSID, EXPIRE and client subnet."""


def unknown_flag(version: int = 0) -> RR:
    """Return an OPT record with a flag that nobody has defined."""
    record = edns(version=version)
    record.ttl |= 0x0040
    return record


@dataclass(frozen=True)
class Probe:
    """A query and what its response must be."""

    flags: int = 0
    opt: RR | None = None
    qtype: str | int = "A"
    rcode: int = NOERROR
    opcode: int = 0

    def message(self, name: str) -> bytes:
        """Return the query for a name."""
        if self.opcode:
            return b"\x12\x34" + (self.opcode << 11).to_bytes(2, "big") + bytes(8)
        return ask(name, self.qtype, flags=self.flags, opt=self.opt)


PROBES = {
    "8.1.1 is it there": Probe(),
    "8.1.2 unknown type": Probe(qtype=1000),
    "8.1.3.1 CD": Probe(CD),
    "8.1.3.2 AD": Probe(AD),
    "8.1.3.3 reserved bit": Probe(Z),
    "8.1.3.4 recursion desired": Probe(RD),
    "8.1.4 unknown opcode": Probe(opcode=15, rcode=NOTIMP),
    "8.2.1 minimal EDNS": Probe(opt=edns()),
    "8.2.2 version negotiation": Probe(opt=edns(version=1), rcode=BADVERS),
    "8.2.3 unknown option": Probe(opt=edns(options=[(100, b"")])),
    "8.2.4 unknown flag": Probe(opt=unknown_flag()),
    "8.2.5 version negotiation, unknown flag": Probe(opt=unknown_flag(1), rcode=BADVERS),
    "8.2.6 version negotiation, unknown option": Probe(opt=edns(version=1, options=[(100, b"")]), rcode=BADVERS),
    "8.2.7 truncated": Probe(opt=edns(512, do=True), qtype="TXT"),
    "8.2.8 DO": Probe(opt=edns(do=True)),
    "8.2.9 version negotiation, DO": Probe(opt=edns(version=1, do=True), rcode=BADVERS),
    "8.2.10 several defined options": Probe(opt=edns(options=DEFINED)),
}


@pytest.mark.parametrize("name", PROBES)
def test_probe(server: Server, exchange: Exchange, state: State, name: str) -> None:
    """The response has the rcode, the flags, the OPT and the records that the RFC expects, and nothing it forbids."""
    probe = PROBES[name]
    message = probe.message(state.name)
    response = exchange(server, message)
    assert response
    record = parse(response)
    asked_opts, answered_opts = [probe.opt] if probe.opt else [], opts(record)
    header = record.header
    assert (header.id, header.qr, header.opcode) == (0x1234, 1, probe.opcode)
    assert header.bitmap & (RD | CD | Z) == probe.flags & (RD | CD)
    assert len(answered_opts) == len(asked_opts)
    assert header.rcode | sum(opt.ttl >> 20 & 0xFF0 for opt in answered_opts) == probe.rcode
    assert all(opt.ttl & 0xFFFFFF == asked.ttl & 0x8000 for opt, asked in zip(answered_opts, asked_opts, strict=True))
    assert {option.code for opt in answered_opts for option in opt.rdata} <= {10, 3, 15}
    has_address = probe.qtype == "A" and probe.rcode == NOERROR
    assert [str(rr.rdata) for rr in record.rr if rr.rtype == QTYPE.A] == [state.address] * has_address
    assert header.tc == (probe.qtype == "TXT" and exchange is over_udp and state.name != STATES["blocked"].name)
    assert not header.tc or len(response) <= 512


def test_states(server: Server, exchange: Exchange, state: State, upstream: FakeUpstream) -> None:
    """A forwarded name is asked for each time, a cached and a blocked one never."""
    before = len(upstream.queries) + len(upstream.tcp_queries)
    for flags in (RD, RD | CD):
        assert exchange(server, ask(state.name, flags=flags))
    assert len(upstream.queries) + len(upstream.tcp_queries) - before == 2 * state.upstream_queries
