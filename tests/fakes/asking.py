"""Questions for one upstream over a connection that stays, and what became of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from dnsfilter.upstream.bootstrap import find_addresses
from dnsfilter.upstream.https import connect_https
from dnsfilter.upstream.secure import Identity
from dnsfilter.upstream.stream import Connection, StreamUpstream
from dnsfilter.upstream.tls import connect_tls
from dnsfilter.values import Endpoint
from dnsfilter.wire.query import Query
from tests.fakes.resolving import make_query
from tests.fakes.secure import SecureUpstream

PATH = "/dns-query"


class Question:
    """One question as the forwarder asks it."""

    def __init__(self, name: str = "www.example") -> None:
        query = make_query(name)
        self.query = Query(query)
        self.packet, self.question = query[2:], query[12:-11]
        self.is_done = self.is_scrambled = False


class Asking:
    """One upstream asked; what comes of it gathers in `answers`, `failures` and `downs`."""

    def __init__(
        self, server: SecureUpstream, ca: Path | None, hostname: str = "dns.example", pins: tuple[str, ...] = ()
    ) -> None:
        self.answers: list[tuple[Question, bytes]] = []
        self.failures: list[Question] = []
        self.downs = 0
        identity = Identity(hostname, str(ca) if ca else None, pins)
        endpoint = Endpoint("127.0.0.1", server.port)

        async def find(host: str) -> list[str]:
            return await find_addresses(host, [])

        async def connect(upstream: StreamUpstream) -> Connection:
            if server.alpn == "dot":
                return await connect_tls(upstream, endpoint, identity)
            return await connect_https(upstream, f"https://{hostname}{PATH}", endpoint, identity, find)

        self.upstream = StreamUpstream(
            "the upstream",
            connect,
            lambda asked, message, _: self.answers.append((asked, message)),
            lambda asked, _: self.failures.append(asked),
            self._go_down,
            self._flush,
        )

    def _go_down(self, _now: float) -> None:
        self.downs += 1

    def _flush(self) -> None:
        self.upstream.flush()

    async def wait(self) -> None:
        """Wait until the upstream may be asked again."""
        await settle(lambda: monotonic() >= self.upstream._not_before)

    def ask(self, *questions: Question) -> None:
        """Ask together."""
        for question in questions:
            self.upstream.send(question)
        self.upstream.flush()

    async def resolve(self, *questions: Question) -> None:
        """Ask and wait until something came of each."""
        before = len(self.answers) + len(self.failures)
        self.ask(*questions)
        await settle(lambda: len(self.answers) + len(self.failures) - before >= len(questions))


async def settle(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait until what is on its way has arrived."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for knows no events
            await asyncio.sleep(0.002)
