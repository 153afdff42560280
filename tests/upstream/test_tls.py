"""What is particular to DNS over TLS towards an upstream; the rest is proven with `stream` and `framed`."""

import asyncio
from pathlib import Path

from dnslib import DNSRecord

from dnsfilter.upstream.framed import FramedConnection
from dnsfilter.upstream.stream import StreamUpstream
from dnsfilter.upstream.tls import TlsConnection
from tests.fakes.asking import Asking, Question
from tests.fakes.origin import make_certificate
from tests.fakes.secure import SecureUpstream
from tests.fakes.upstream import answer, change_id, change_question, echo


def test_lies_are_counted_and_waited_out(tmp_path: Path) -> None:
    """Another ID, another question, a query: counted and passed over; the truth behind them is taken."""
    certificate = make_certificate(tmp_path, "dns.example")

    async def test() -> None:
        def lie(query: bytes) -> list[bytes]:
            return [*change_id(query), *change_question(query), *echo(query), b"", b"x", *answer(query)]

        with SecureUpstream(certificate, reaction=lie) as server:
            asking = Asking(server, certificate)
            await asking.resolve(Question())
            assert len(asking.answers) == 1
            assert asking.upstream.mismatches == 5
            asking.upstream.close()

    asyncio.run(test())


def test_queries_are_padded() -> None:
    """A query is as long as most others; in the clear it would be as long as it is."""
    upstream = StreamUpstream("x", lambda _: asyncio.sleep(0), print, print, print, print)  # type: ignore[arg-type]
    asked = Question()
    padded = TlsConnection(upstream).build(b"\0\7", asked)
    assert len(padded) == 128
    (opt,) = DNSRecord.parse(padded).ar
    assert [option.code for option in opt.rdata] == [12]
    assert FramedConnection(upstream).build(b"\0\7", asked) == b"\0\7" + asked.packet
