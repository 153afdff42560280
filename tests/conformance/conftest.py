"""One dnsfilter for all probes, in front of an upstream with zone data whose answers it keeps, or must not keep."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dnslib import RR

from tests.conformance.transports import TRANSPORTS, Exchange
from tests.e2e.server import SINKHOLE_IPV4, Server, default_settings, start_server
from tests.fakes.messages import ask, edns
from tests.fakes.origin import make_certificate
from tests.fakes.upstream import FakeUpstream
from tests.fakes.zone import Zone
from tests.processes import Processes, free_port

NSID = "node-1"
LARGEST = 1232
FULL = LARGEST - len("\x04full\x07example\x00") - 12 - 4 - 12 - 11
"""Octets of TXT data with which the response fills a datagram of ours beside header, question and OPT."""

TEXT = " ".join(f'"{number:02d}{"x" * 198}"' for number in range(12))


def strings(size: int) -> str:
    """Return character strings that take so many octets in wire form."""
    whole, rest = divmod(size, 256)
    return " ".join(f'"{"x" * length}"' for length in [255] * whole + [rest - 1])


RECORDS = (
    "example. 300 SOA ns.example. host.example. 1 3600 900 604800 60",
    "forwarded.example. 0 A 192.0.2.10",
    "cached.example. 300 A 192.0.2.10",
    f"forwarded.example. 0 TXT {TEXT}",
    f"cached.example. 300 TXT {TEXT}",
    *(f"{name}.example. 300 TXT {strings(size)}" for name, size in (("full", FULL), ("over", FULL + 1))),
    *(f"sixty.example. 300 A 192.0.2.{number}" for number in range(1, 61)),
)


@dataclass(frozen=True)
class State:
    """A name by what becomes of queries for it: the address it has, and how often the upstream hears of one query."""

    name: str
    address: str
    upstream_queries: int


STATES = {
    "forwarded": State("forwarded.example", "192.0.2.10", 1),
    "cached": State("cached.example", "192.0.2.10", 0),
    "blocked": State("www.tiktok.com", SINKHOLE_IPV4, 0),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    """Serve the zone data, validated: AD is set in every answer."""
    zone = Zone([rr for line in RECORDS for rr in RR.fromZone(line)])
    with FakeUpstream(udp=zone.answer_datagram, tcp=zone.answer) as serving:
        yield serving


@pytest.fixture(scope="module")
def server(upstream: FakeUpstream, module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Start dnsfilter with every listener it can have."""
    directory: Path = tmp_path_factory.mktemp("dnsfilter")
    certificate = str(make_certificate(directory, "dns.example"))
    listen = {
        "tls": [f"127.0.0.1:{free_port()}"],
        "https": [f"127.0.0.1:{free_port()}"],
        "certificate": {"chain": certificate, "key": certificate},
    }
    settings = {**default_settings(upstream.text), "listen": listen, "nsid": NSID, "chaos": {"identity": NSID}}
    running = start_server(module_processes, directory, settings)
    for opt in (None, edns(), edns(do=True)):  # DO and CD have cache entries of their own
        for flags, qtype in ((0x0100, "A"), (0x0110, "A"), (0x0100, "TXT"), (0x0100, 1000)):
            TRANSPORTS["tcp"](running, ask(STATES["cached"].name, qtype, flags=flags, opt=opt))
    return running


@pytest.fixture(params=TRANSPORTS)
def exchange(request: pytest.FixtureRequest) -> Exchange:
    """Ask over each transport."""
    return TRANSPORTS[request.param]


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest) -> State:
    """Ask for a name that is forwarded, cached, or blocked."""
    return STATES[request.param]
