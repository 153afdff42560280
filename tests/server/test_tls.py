"""DNS over TLS on real connections: the certificate, padding, and what is no TLS."""

import asyncio
import ssl
import struct
from pathlib import Path

import pytest
import uvloop

from dnsfilter.errors import InputError
from dnsfilter.resolver import Pending
from dnsfilter.server.places import Places
from dnsfilter.server.precedence import Precedence
from dnsfilter.server.tls import TlsServer, load_certificate
from dnsfilter.settings.resolver import Certificate, Connections
from tests.fakes.origin import make_certificate
from tests.fakes.resolving import identifier_of, make_query, make_resolver, make_response

LISTED = "www.tiktok.com"
PADDING = b"\0\4\0\x0c\0\0"


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    file = str(make_certificate(tmp_path, "dns.example"))
    return Certificate(chain=file, key=file)


def with_padding(query: bytes) -> bytes:
    """Return a query whose OPT had no options with the padding option in it."""
    return query[:-2] + PADDING


async def exchange(certificate: Certificate, queries: list[bytes], pending: list[Pending]) -> list[bytes]:
    """Serve DNS over TLS and return the responses to queries sent in one write; answer what waits by `pending`."""
    resolver = make_resolver(rate_limit={"per_client_qps": 0})

    def submit(waiting: Pending, _now: float) -> None:
        pending.append(waiting)
        response = make_response(make_query("www.example"))
        waiting.send(waiting.token, resolver.finish(waiting, resolver.accept(waiting.query, response, 0.0), 0.0))

    server = TlsServer(resolver, submit, lambda: None, Places(Connections()), Precedence())
    server.adopt(certificate)
    listening = await asyncio.get_running_loop().create_server(server.make_connection, "127.0.0.1", 0)
    trust = ssl.create_default_context(cafile=certificate.chain)
    trust.set_alpn_protocols(["dot"])
    port = listening.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="dns.example")
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "dot"
    writer.write(b"".join(struct.pack("!H", len(query)) + query for query in queries))
    responses = []
    async with asyncio.timeout(5):
        for _ in queries:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            responses.append(await reader.readexactly(length))
    writer.close()
    listening.close()
    return responses


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_answers_inside_tls(certificate, run):
    """Pipelined queries are answered over a connection whose certificate the client trusts, under both event loops."""
    queries = [make_query(LISTED), make_query("m.tiktok.com")]
    responses = run(exchange(certificate, queries, []))
    assert [identifier_of(response) for response in responses] == [identifier_of(query) for query in queries]


def test_pads_for_who_pads(certificate):
    """A client that pads gets whole blocks, from us and from an upstream; another gets none (RFC 8467 section 4.1)."""
    pending: list[Pending] = []
    queries = [with_padding(make_query(LISTED)), with_padding(make_query(LISTED)), make_query(LISTED)]
    responses = uvloop.run(exchange(certificate, [*queries, with_padding(make_query("www.example"))], pending))
    sizes = sorted(len(response) for response in responses)
    assert sizes[0] < 468
    assert sizes[1:] == [468, 468, 468]
    assert len(pending) == 1


def test_a_header_is_not_padded(certificate):
    """Who pads and asks for what we do not do gets a bare header, and the next answer over the same connection."""
    notify = bytearray(with_padding(make_query(LISTED)))
    notify[2] |= 0x20
    header, answer = asyncio.run(exchange(certificate, [bytes(notify), with_padding(make_query(LISTED))], []))
    assert (len(header), header[3] & 0xF, len(answer)) == (12, 4, 468)


@pytest.mark.parametrize(
    ("chain", "key", "place"),
    [
        ("absent.pem", "origin.pem", "listen.certificate.chain: "),
        ("origin.pem", "absent.pem", "listen.certificate.key: "),
        ("origin.pem", "elsewhere/origin.pem", "listen.certificate: "),
        ("garbage.pem", "origin.pem", "listen.certificate: "),
    ],
)
def test_a_certificate_that_cannot_be_used(certificate, tmp_path, chain, key, place):
    """One clear error names key and file; a server goes on with the certificate it has."""
    (tmp_path / "elsewhere").mkdir()
    make_certificate(tmp_path / "elsewhere", "other.example")
    (tmp_path / "garbage.pem").write_text("garbage")
    bad = Certificate(chain=str(tmp_path / chain), key=str(tmp_path / key))
    with pytest.raises(InputError) as refusal:
        load_certificate(bad)
    assert str(refusal.value).startswith(place)
    server = TlsServer(make_resolver(), lambda *_: None, lambda: None, Places(Connections()), Precedence())
    server.adopt(certificate)
    before = server._context
    server.adopt(bad)
    assert server._context is before


def test_what_is_no_tls_is_closed(certificate):
    """Plain DNS sent to the TLS port ends the connection and is not answered."""

    async def run() -> bytes:
        server = TlsServer(make_resolver(), lambda *_: None, lambda: None, Places(Connections()), Precedence())
        server.adopt(certificate)
        listening = await asyncio.get_running_loop().create_server(server.make_connection, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname()[:2])
        query = make_query(LISTED)
        writer.write(struct.pack("!H", len(query)) + query)
        async with asyncio.timeout(5):
            found = await reader.read()
        listening.close()
        return found

    found = uvloop.run(run())
    assert b"\x7f\0\0\1" not in found


@pytest.mark.parametrize(
    ("asked", "name"),
    [("laptop.dns.example", "laptop"), ("dns.example", ""), ("laptop.elsewhere.example", ""), ("a.b.dns.example", "")],
)
def test_the_server_name_may_name_the_client(certificate: Certificate, asked: str, name: str) -> None:
    """What a client calls itself is the label before our name in the server name that it asks for."""

    async def connect() -> str:
        server = TlsServer(make_resolver(), lambda *_: None, lambda: None, Places(Connections()), Precedence())
        server.adopt(certificate, "dns.example")
        listening = await asyncio.get_running_loop().create_server(server.make_connection, "127.0.0.1", 0)
        trust = ssl.create_default_context(cafile=certificate.chain)
        trust.check_hostname = False
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=asked)
        query = make_query(LISTED)
        writer.write(struct.pack("!H", len(query)) + query)
        async with asyncio.timeout(5):
            await reader.readexactly(2)
        (connection,) = server.places
        writer.close()
        listening.close()
        return connection.name

    assert uvloop.run(connect()) == name
