"""What is particular to DNS over HTTPS towards an upstream; the rest is proven with `stream`."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsfilter.upstream import https
from dnsfilter.upstream.https import HttpsConnection
from tests.fakes.asking import Asking, Question
from tests.fakes.origin import make_certificate
from tests.fakes.resolving import make_response
from tests.fakes.secure import SecureUpstream


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path, "dns.example")


@pytest.mark.parametrize(
    ("status", "kept", "told"),
    [
        (404, 0, "HTTP status 404"),
        (503, 0, "HTTP status 503"),
        (200, 1000, "the answer is longer than any DNS message"),
        (200, 1, "the answer is not to the question"),
    ],
)
def test_what_is_no_answer(
    certificate: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kept: int,
    told: str,
) -> None:
    """Another status, too much or too little fails the question and not the connection; one line tells of it."""
    monkeypatch.setattr(https, "MAX_MESSAGE", 500)

    async def test() -> None:
        def react(query: bytes) -> list[bytes]:
            return [(make_response(query) + bytes(1000))[:kept]]

        with SecureUpstream(certificate, "h2", react, status=status) as server:
            asking = Asking(server, certificate)
            for _ in range(3):
                await asking.resolve(Question())
            assert (len(asking.failures), asking.downs, server.accepted) == (3, 0, 1)
            asking.upstream.close()

    asyncio.run(test())
    assert [record.getMessage() for record in caplog.records] == [f"the upstream: {told}"]


def test_without_http2_nothing_is_asked(certificate: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that does not agree on HTTP/2 is refused."""

    async def test() -> None:
        with SecureUpstream(certificate, "h2") as server:
            asking = Asking(server, certificate)
            server.offered = "http/1.1"
            await asking.resolve(Question())
            assert (len(asking.failures), len(server.queries)) == (1, 0)
            asking.upstream.close()

    asyncio.run(test())
    assert [record.getMessage() for record in caplog.records] == ["the upstream: does not speak HTTP/2"]


def test_the_ids_are_zero(certificate: Path) -> None:
    """Every query has ID 0 (RFC 8484 section 4.1)."""

    async def test() -> None:
        with SecureUpstream(certificate, "h2") as server:
            asking = Asking(server, certificate)
            await asking.resolve(Question(), Question("b.example"))
            assert [query[:2] for query in server.queries] == [b"\0\0", b"\0\0"]
            asking.upstream.close()

    asyncio.run(test())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(garbage=st.binary(max_size=60) | st.binary(max_size=30).map(lambda rest: b"\0\0\x04\1\4\0\0\0\1" + rest))
def test_nonsense_raises_nothing(certificate: Path, garbage: bytes) -> None:
    """Octets that are no HTTP/2 end the connection at most."""

    async def test() -> None:
        with SecureUpstream(certificate, "h2") as server:
            asking = Asking(server, certificate)
            await asking.resolve(Question())
            connection = asking.upstream._connection
            assert isinstance(connection, HttpsConnection)
            connection.data_received(garbage)
            asking.upstream.close()

    asyncio.run(test())
