"""What ends a connection of DNS over HTTPS: floods, bombs, stalls and octets that are no HTTP."""

import asyncio
import contextlib
from time import monotonic

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import uvloop

from dnsfilter.server.http2 import MAX_RESETS, MAX_STREAMS
from dnsfilter.settings.resolver import Connections
from tests.fakes.resolving import make_query
from tests.fakes.web import LISTED, Client, House


def test_rapid_reset_ends_the_connection(tell):
    """A client that asks and gives up over and over is cut off soon (CVE-2023-44487)."""

    async def story(house: House, client: Client) -> None:
        for _ in range(MAX_RESETS * 2):
            stream = client.get(make_query("a.example"))
            client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            client.flush()
        assert await client.is_closed()
        assert not house.server.places
        assert len(house.pending) <= MAX_RESETS + 1

    tell(story)


def raw_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def test_a_flood_of_continuations_ends_the_connection(tell):
    """Fields that never end are cut off (CVE-2024-28182)."""

    async def story(house: House, client: Client) -> None:
        client.writer.write(raw_frame(1, 0, 1, b"\x82"))
        client.writer.write(raw_frame(9, 0, 1, b"\x00\x01a\x01b" * 2000) * 50)
        assert await client.is_closed()
        assert not house.server.places

    tell(story)


def test_a_bomb_of_fields_ends_the_connection(tell):
    """A few octets that stand for megabytes of fields are not unpacked (HPACK bomb)."""

    async def story(house: House, client: Client) -> None:
        value = b"x" * 4000
        entry = b"\x40\x01a\x7f" + bytes([0x80 | (4000 - 127) & 0x7F, (4000 - 127) >> 7]) + value
        client.writer.write(raw_frame(1, 0x5, 1, b"\x82\x87\x84" + entry + b"\xbe" * 10_000))
        assert await client.is_closed()
        assert not house.server.places

    tell(story)


def test_a_window_that_stays_shut_ends_the_connection(tell, monkeypatch):
    """Responses that the client takes no octet of are held up to a bound."""
    monkeypatch.setattr("dnsfilter.server.http2.MAX_HELD", 1000)

    async def story(house: House, client: Client) -> None:
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        for _ in range(MAX_STREAMS // 2):
            client.get(make_query(LISTED))
        client.flush()
        assert await client.is_closed()
        assert not house.server.places

    tell(story)


def test_pings_do_not_keep_a_connection(tell):
    """A connection that asks nothing is closed when its time is over, however much else it sends."""

    async def story(house: House, client: Client) -> None:
        assert (await client.receive(client.get(make_query(LISTED)))).status == 200
        (connection,) = house.server.places
        connection.active -= house.server.places.idle
        client.h2.ping(b"12345678")
        client.flush()
        await asyncio.sleep(0.1)
        house.server.places.close_idle(monotonic() + 0.1)
        assert await client.is_closed()

    tell(story)


PING = raw_frame(6, 0, 0, b"12345678")
SETTINGS = raw_frame(4, 0, 0, b"\0\4\0\1\0\0")
WINDOW_UPDATE = raw_frame(8, 0, 0, b"\0\0\0\1")
PRIORITY = raw_frame(2, 0, 1, b"\0\0\0\0\1")
UNKNOWN = raw_frame(0xBE, 0, 1, b"grease")
EMPTY_DATA = raw_frame(0, 0, 1, b"")


@pytest.mark.parametrize("frame", [PING, SETTINGS, WINDOW_UPDATE, PRIORITY, EMPTY_DATA])
def test_a_flood_of_frames_ends_the_connection(tell, frame):
    """Who sends thousands of frames that ask nothing is cut off, however well he reads (CVE-2019-9512 ff)."""

    async def story(house: House, client: Client) -> None:
        client.start("POST", "/dns-query", end=False)
        client.flush()
        closed = asyncio.create_task(client.is_closed())
        with contextlib.suppress(OSError):
            for _ in range(60):
                client.writer.write(frame * 50)
                await client.writer.drain()
                await asyncio.sleep(0)
        assert await closed
        assert not house.server.places

    tell(story)


def test_frames_between_requests_do_no_harm(tell):
    """A client that asks may send pings, priorities and windows as it likes."""

    async def story(_house: House, client: Client) -> None:
        for _ in range(30):
            client.writer.write((WINDOW_UPDATE + PRIORITY + UNKNOWN) * 100)
            assert (await client.receive(client.get(make_query(LISTED)))).status == 200

    tell(story)


def test_handshakes_that_do_not_end_have_their_places(house):
    """Connections that never begin TLS are bounded like all others, the oldest goes, and a real client gets in."""

    async def run() -> None:
        await house.listen()
        house.server.places.adopt(Connections(maximum=10))
        silent = [await asyncio.open_connection(*house.place) for _ in range(25)]
        await house.wait_for(lambda: house.server.places.closed["full"] == 15)
        assert len(house.server.places) == 10
        async with house.connect() as (reader, writer):
            client = Client(reader, writer)
            assert (await client.receive(client.get(make_query(LISTED)))).status == 200
        assert await silent[0][0].read() == b""
        for _, writer in silent:
            writer.close()
        await house.wait_for(lambda: not house.server.places)

    uvloop.run(run())


def test_what_is_no_http_2(tell):
    """Octets that are no HTTP/2 end the connection."""

    async def story(house: House, client: Client) -> None:
        client.writer.write(b"\0" * 100)
        assert await client.is_closed()
        await house.wait_for(lambda: not house.server.places)

    tell(story)
