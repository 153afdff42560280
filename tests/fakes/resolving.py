"""A resolver with a small policy in force, queries for it, and what an upstream would say to them."""

import struct
from pathlib import Path
from time import time
from typing import Any

from dnslib import RR, DNSHeader, DNSRecord

from dnsfilter.cache import Cache
from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable
from dnsfilter.journal import Journal
from dnsfilter.model import CompiledList, Grade, Match, Role
from dnsfilter.policy.engine import Engine
from dnsfilter.resolver import Resolver
from dnsfilter.tally import Tally
from tests.fakes.published import PHASES, configuration, rule

ADDRESS = "192.0.2.10"
TTL = 300

_OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


def make_query(name: str = "www.example", qtype: int = 1, identifier: int = 0x1234, *, edns: bool = True) -> bytes:
    """Return a query as a stub resolver sends it."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    header = struct.pack("!HHHHHH", identifier, 0x0100, 1, 0, 0, int(edns))
    return header + labels + b"\0" + struct.pack("!HH", qtype, 1) + (_OPT if edns else b"")


def make_response(query: bytes, address: str = ADDRESS, *, ttl: int = TTL, rcode: int = 0, tc: bool = False) -> bytes:
    """Return what an upstream says to a query: one address, or none where there is an error or no room."""
    asked = DNSRecord.parse(query)
    response = DNSRecord(DNSHeader(id=asked.header.id, qr=1, ra=1, rcode=rcode, tc=tc), questions=asked.questions)
    if not rcode and not tc:
        response.add_answer(*RR.fromZone(f"{asked.q.qname} {ttl} A {address}"))
    return bytes(response.pack())


def identifier_of(message: bytes) -> int:
    """Return the ID of a message."""
    return int.from_bytes(message[:2], "big")


def rcode_of(message: bytes) -> int:
    """Return the rcode in the header."""
    return message[3] & 0xF


def addresses_in(message: bytes) -> list[str]:
    """Return the addresses in the answer section."""
    return [str(record.rdata) for record in DNSRecord.parse(message).rr]


def adopt_world(resolver: Resolver, **settings: Any) -> None:
    """Put the small policy in force: everything below tiktok.com is blocked."""
    world = configuration(Path("state"), {"enforce": PHASES["enforce"]}, **settings)
    rules = (rule(Match.SUFFIX, "tiktok.com"), rule(Match.NETWORK, "198.51.100.0/24"))
    lists = [CompiledList("tiktok", "tiktok", Role.INFRA, Grade.NONE, len(rules), rules)]
    resolver.adopt(world, Engine(world, lists), Directory(world.groups, ClientTable()), time())


def make_resolver(**settings: Any) -> Resolver:
    """Return a resolver; keyword arguments replace sections of its configuration."""
    world = configuration(Path("state"), {"enforce": PHASES["enforce"]}, **settings)
    resolver = Resolver(Tally(Journal("worker-0", "test")), Cache(world.cache))
    adopt_world(resolver, **settings)
    return resolver
