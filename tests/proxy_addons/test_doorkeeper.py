"""Who is turned away before mitmproxy, and that everybody else reaches it with every octet."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.tls import ClientHelloData

from proxy_addons import doorkeeper
from proxy_addons.doorkeeper import Doorkeeper, Reread, _read_hello
from proxy_addons.enforce import Enforce
from tests.fakes.hello import client_hello
from tests.fakes.mitmproxy import addon_context
from tests.fakes.published import LISTED, TRUSTING, UNLISTED, publish_world

MODE = ReverseMode.parse("reverse:https://192.0.2.1:443@127.0.0.1:8443")
HELLO = client_hello(LISTED)


@pytest.fixture
def addon(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Enforce]:
    publish_world(tmp_path, proxy={"metrics": f"127.0.0.1:{free_port()}"})
    addon = Enforce()
    with addon_context(Proxyserver(), addon) as context:
        context.configure(addon, dnsfilter_state=str(tmp_path))
        yield addon
    addon.done()


def visit(turn_away: Callable[[ClientHelloData], bool], *parts: bytes, source: str = "127.0.0.1") -> bytes:
    """Connect and say the parts one after the other; return what comes back, which is all that mitmproxy was given."""

    async def handle(reader: Any, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(3):
            writer.write(data)
        writer.close()

    async def run() -> bytes:
        server = await asyncio.start_server(Doorkeeper(MODE, turn_away, handle), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write_eof()
        echo = await reader.read()
        writer.close()
        server.close()
        return echo

    return asyncio.run(run())


def test_a_refused_name_is_turned_away(addon: Enforce) -> None:
    """The connection ends without an octet, is counted and recorded, and nothing of it is kept."""
    assert visit(addon.turn_away, HELLO) == b""
    batch = addon._journal.drain()
    assert [(seen.rule, seen.channel, seen.action) for seen in batch.sightings] == [("tiktok.com", "sni", "refuse")]
    assert batch.counters["proxy_connections", "refuse"] == 1
    assert addon._connections == {}


@pytest.mark.parametrize(
    ("parts", "source"),
    [
        ([client_hello(UNLISTED)], "127.0.0.1"),
        ([HELLO], TRUSTING),
        ([HELLO[:50], HELLO[50:]], "127.0.0.1"),
        ([b"GET / HTTP/1.1\r\n", b"Host: www.tiktok.com\r\n\r\n"], "127.0.0.1"),
        ([b"\x16\x03\x01\x00\x05hello"], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
    ids=["not listed", "gets a page", "in two parts", "not TLS", "not a ClientHello", "nothing"],
)
def test_whatever_else_is_mitmproxys(addon: Enforce, parts: list[bytes], source: str) -> None:
    """It is handed over from its first octet on, and nothing is counted yet."""
    assert visit(addon.turn_away, *parts, source=source) == b"".join(parts)
    batch = addon._journal.drain()
    assert (batch.sightings, dict(batch.counters)) == ((), {})


def test_a_failure_is_left_to_the_border(addon: Enforce) -> None:
    """Where the policy cannot be asked, the connection goes to mitmproxy, whose hooks close what fails."""

    def fail(_: ClientHelloData) -> bool:
        raise RuntimeError

    assert addon._connections == {}
    assert visit(fail, HELLO) == HELLO


def test_who_says_nothing_is_handed_over(addon: Enforce, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is mitmproxy's to end."""
    monkeypatch.setattr(doorkeeper, "FIRST_SECONDS", 0.01)

    async def handle(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"taken")
        writer.close()

    async def run() -> bytes:
        server = await asyncio.start_server(Doorkeeper(MODE, addon.turn_away, handle), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        taken = await reader.read()
        writer.close()
        server.close()
        return taken

    assert asyncio.run(run()) == b"taken"


@given(st.binary(max_size=12), st.integers(0, len(HELLO) - 1), st.integers(1, len(HELLO)))
def test_reads_any_octets(junk: bytes, at: int, length: int) -> None:
    """No octets make the reading of a ClientHello fail."""
    damaged = HELLO[:at] + junk + HELLO[at + len(junk) :]
    for data in (damaged, damaged[:length], b"\x16\x03" + junk):
        _read_hello(data)


@given(st.lists(st.integers(1, 7), max_size=8))
def test_reads_again_in_any_portions(sizes: list[int]) -> None:
    """Portions of any size give what was read before, then what is new, and nothing twice."""

    async def run() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"fresh")
        reader.feed_eof()
        again = Reread(reader, b"before ")
        got = b"".join([await again.read(size) for size in sizes])
        assert got + await again.read() + await again.read() == b"before fresh"

    asyncio.run(run())
