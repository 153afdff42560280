"""What ends a connection of DNS over HTTPS: floods, bombs, stalls and octets that are no HTTP."""

import asyncio
from time import monotonic

import h2.config
import h2.connection
import h2.errors
import h2.events

from dnsfilter.server.http2 import MAX_RESETS, MAX_STREAMS
from dnsfilter.server.tcp import IDLE_SECONDS
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
        assert not house.server.connections
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
        assert not house.server.connections

    tell(story)


def test_a_bomb_of_fields_ends_the_connection(tell):
    """A few octets that stand for megabytes of fields are not unpacked (HPACK bomb)."""

    async def story(house: House, client: Client) -> None:
        value = b"x" * 4000
        entry = b"\x40\x01a\x7f" + bytes([0x80 | (4000 - 127) & 0x7F, (4000 - 127) >> 7]) + value
        client.writer.write(raw_frame(1, 0x5, 1, b"\x82\x87\x84" + entry + b"\xbe" * 10_000))
        assert await client.is_closed()
        assert not house.server.connections

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
        assert not house.server.connections

    tell(story)


def test_pings_do_not_keep_a_connection(tell):
    """A connection that asks nothing is closed when its time is over, however much else it sends."""

    async def story(house: House, client: Client) -> None:
        assert (await client.receive(client.get(make_query(LISTED)))).status == 200
        (connection,) = house.server.connections
        connection.active -= IDLE_SECONDS
        client.h2.ping(b"12345678")
        client.flush()
        await asyncio.sleep(0.1)
        house.server.close_idle(monotonic() + 0.1)
        assert await client.is_closed()

    tell(story)


def test_what_is_no_http_2(tell):
    """Octets that are no HTTP/2 end the connection."""

    async def story(house: House, client: Client) -> None:
        client.writer.write(b"\0" * 100)
        assert await client.is_closed()
        await house.wait_for(lambda: not house.server.connections)

    tell(story)
