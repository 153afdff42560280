"""The addresses of an upstream that is named by a URL, asked of plain upstreams, never of ourselves.

Asked over TCP: rare, and off-path answers have no chance. Who answers wrongly gains nothing but our silence, for the
certificate proves the name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address

from dnsfilter.errors import WireError
from dnsfilter.upstream import tcp
from dnsfilter.values import Endpoint
from dnsfilter.wire.codes import Type
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer
from dnsfilter.wire.upstream_query import build_packet

FindAddresses = Callable[[str], Awaitable[list[str]]]

_HEADER = bytes.fromhex("000001000001000000000000")
_IN = b"\0\1"


async def find_addresses(host: str, endpoints: Iterable[Endpoint]) -> list[str]:
    """Return the addresses of a host, by the first of the endpoints that has any; those of a literal are itself."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    for endpoint in endpoints:
        found = await asyncio.gather(*(_ask(host, qtype, endpoint) for qtype in (Type.A, Type.AAAA)))
        if any(found):
            return [address for addresses in found for address in addresses]
    return []


async def _ask(host: str, qtype: Type, endpoint: Endpoint) -> list[str]:
    labels = (bytes([len(label)]) + label.encode() for label in host.split("."))
    query = Query(_HEADER + b"".join(labels) + b"\0" + qtype.to_bytes(2, "big") + _IN)
    message = await tcp.exchange(endpoint, build_packet(query, query.question), query.question)
    if message is None:
        return []
    try:
        return [str(ip_address(address)) for address in Answer(message, len(query.question), 0.0).addresses]
    except WireError:
        return []
