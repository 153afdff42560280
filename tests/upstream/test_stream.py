"""Connections that stay, break and come back, over DNS over TLS and over HTTPS alike; the servers are real."""

import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
import uvloop
from dnslib import DNSRecord

from dnsfilter.upstream import stream
from dnsfilter.upstream.stream import FIRST_PAUSE, IDLE, MAX_ASKED, SILENCE
from tests.fakes.asking import PATH, Asking, Question, settle
from tests.fakes.looping import run_strictly
from tests.fakes.origin import make_certificate
from tests.fakes.resolving import ADDRESS, addresses_in
from tests.fakes.secure import HangUp, SecureUpstream
from tests.fakes.upstream import answer, change_question, stay_silent

PADDED = 128

Run = Callable[[Callable[[], Awaitable[None]]], None]
Start = Callable[..., SecureUpstream]


@pytest.fixture(params=["dot", "h2"])
def alpn(request: pytest.FixtureRequest) -> str:
    """Take each protocol in turn."""
    return str(request.param)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path, "dns.example", "127.0.0.1")


@pytest.fixture
def start(alpn: str, certificate: Path) -> Iterator[Start]:
    """Start upstreams that end with the test."""
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(SecureUpstream(**{"certificate": certificate, "alpn": alpn, **more}))


@pytest.fixture
def run() -> Run:
    """Run a test in the workers' loop; fail when anything was raised where nobody looks."""
    return partial(run_strictly, make_loop=uvloop.new_event_loop)


def hang_up(_query: bytes) -> list[bytes]:
    """Close in the middle of an answer."""
    raise HangUp


def test_many_questions_share_a_connection_and_come_back_in_any_order(
    run: Run, start: Start, certificate: Path
) -> None:
    """A hundred questions go out at once and are answered backwards; each gets its own answer, over one connection."""

    async def test() -> None:
        server = start()
        asking = Asking(server, certificate)
        await asking.resolve(Question())
        server.hold = 50
        await asking.resolve(*(Question(f"n{number}.example") for number in range(100)))
        assert not asking.failures
        assert server.accepted == 1
        for question, message in asking.answers:
            assert message[12:].startswith(question.question)
            assert addresses_in(message) == [ADDRESS]
        asking.upstream.close()

    run(test)


def test_queries_of_one_length_hold_nothing_but_the_question(run: Run, start: Start, certificate: Path) -> None:
    """Every query is a multiple of 128 octets (RFC 8467 section 4.1), its only option the padding (RFC 7830)."""

    async def test() -> None:
        server = start()
        asking = Asking(server, certificate)
        await asking.resolve(*(Question(f"{'x' * length}.example") for length in range(1, 60)))
        assert {len(query) for query in server.queries} == {PADDED}
        (opt,) = DNSRecord.parse(server.queries[0]).ar
        assert [option.code for option in opt.rdata] == [12]
        for headers in server.headers:
            assert headers.pop("content-length") == str(PADDED)
            assert headers == {
                ":method": "POST",
                ":scheme": "https",
                ":authority": "dns.example",
                ":path": PATH,
                "accept": "application/dns-message",
                "content-type": "application/dns-message",
            }
        asking.upstream.close()

    run(test)


@pytest.mark.parametrize(
    ("names", "lives", "is_trusted", "told"),
    [
        (("other.example",), 1, True, "Hostname mismatch"),
        (("dns.example",), 1, False, "self-signed certificate"),
        (("dns.example",), -0.5, True, "certificate has expired"),
    ],
)
def test_who_does_not_prove_who_it_is_is_asked_nothing(
    run: Run,
    start: Start,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    names: tuple[str, ...],
    lives: float,
    is_trusted: bool,  # noqa: FBT001 - a column of the table
    told: str,
) -> None:
    """A wrong name, an unknown authority, an expired certificate: no question leaves, one log line tells it."""

    async def test() -> None:
        server = start(certificate=make_certificate(tmp_path, *names, lives=timedelta(days=lives)))
        asking = Asking(server, tmp_path / "origin.pem" if is_trusted else None)
        await asking.resolve(Question(), Question("b.example"))
        for _ in range(2):
            await asking.wait()
            await asking.resolve(Question())
        assert (len(asking.failures), asking.downs) == (4, 3)
        assert not server.queries
        assert server.accepted == 3
        asking.upstream.close()

    run(test)
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.startswith("the upstream: its certificate was not accepted: ")
    assert told in line


def test_without_a_name_the_address_must_be_certified(run: Run, start: Start, certificate: Path) -> None:
    """Where the configuration gives no name the certificate must be for the address (RFC 8310 section 8.1)."""

    async def test() -> None:
        server = start()
        asking = Asking(server, certificate, "127.0.0.1")
        await asking.resolve(Question())
        assert asking.answers
        asking.upstream.close()

    run(test)


def test_closes_in_the_middle_of_an_answer(run: Run, start: Start, certificate: Path) -> None:
    """Half an answer is none; the upstream is left alone for a while, then asked again, and its return is told."""

    async def test() -> None:
        server = start(reaction=hang_up)
        asking = Asking(server, certificate)
        await asking.resolve(Question())
        assert (len(asking.failures), asking.downs) == (1, 1)
        with pytest.raises(ConnectionError):
            asking.ask(Question())
        server.reaction = answer
        await asking.wait()
        await asking.resolve(Question())
        assert len(asking.answers) == 1
        asking.upstream.close()

    run(test)


def test_a_connection_that_had_answered_is_replaced_at_once(run: Run, start: Start, certificate: Path) -> None:
    """What was open when an upstream closed a good connection is asked again over a new one (RFC 7766, 6.2.4)."""

    async def test() -> None:
        server = start()
        asking = Asking(server, certificate)
        await asking.resolve(Question())
        server.reaction = stay_silent
        asking.ask(Question("b.example"))
        await settle(lambda: len(server.queries) == 2)
        server.reaction = answer
        server.hang_up()
        await settle(lambda: len(asking.answers) == 2)
        assert server.accepted == 2
        assert not asking.failures
        asking.upstream.close()

    run(test)


def test_what_does_not_match_is_counted(run: Run, start: Start, certificate: Path, alpn: str) -> None:
    """An answer to another question changes nothing; over TLS the right one may still come, a stream has ended."""

    async def test() -> None:
        server = start(reaction=lambda query: change_question(query) + answer(query))
        asking = Asking(server, certificate)
        await asking.resolve(Question())
        assert asking.upstream.mismatches == 1
        assert (len(asking.answers), len(asking.failures)) == ((1, 0) if alpn == "dot" else (0, 1))
        asking.upstream.close()

    run(test)


def test_silence_ends_a_connection(run: Run, start: Start, certificate: Path) -> None:
    """A connection over which nothing comes is taken for dead: its questions are asked over another one."""

    async def test() -> None:
        server = start()
        asking = Asking(server, certificate)
        await asking.resolve(Question())
        server.reaction = stay_silent
        asking.ask(Question("b.example"))
        await settle(lambda: len(server.queries) == 2)
        server.reaction = answer
        asking.upstream.close_retired(monotonic() + SILENCE / 2)
        assert server.accepted == 1
        asking.upstream.close_retired(monotonic() + SILENCE + 0.1)
        await settle(lambda: len(asking.answers) == 2)
        assert server.accepted == 2
        asking.upstream.close()

    run(test)


def test_what_nobody_waits_for_is_forgotten(run: Run, start: Start, certificate: Path) -> None:
    """Questions that were given up take no room, and an idle connection is closed and made again when needed."""

    async def test() -> None:
        server = start(reaction=stay_silent)
        asking = Asking(server, certificate)
        questions = [Question(f"n{number}.example") for number in range(80)]
        asking.ask(*questions)
        await settle(lambda: len(server.queries) == 80)
        for question in questions:
            question.is_done = True
        asking.upstream.close_retired(monotonic())
        assert asking.upstream._connection
        assert not asking.upstream._connection.asked
        server.reaction = answer
        await asking.resolve(*(Question(f"m{number}.example") for number in range(80)))
        assert (len(asking.answers), server.accepted) == (80, 1)
        asking.upstream.close_retired(monotonic() + IDLE + 1)
        await settle(lambda: asking.upstream._connection is None)
        await asking.resolve(Question())
        assert server.accepted == 2
        assert asking.downs == 0
        asking.upstream.close()

    run(test)


def test_a_question_is_asked_once_when_the_connection_stands(run: Run, start: Start, certificate: Path) -> None:
    """What was sent again while the handshake took its time goes out once."""

    async def test() -> None:
        server = start()
        asking, question = Asking(server, certificate), Question()
        for _ in range(3):
            asking.ask(question)
        await settle(lambda: asking.answers)
        await asking.resolve(Question("b.example"))
        assert len(server.queries) == 2
        asking.upstream.close()

    run(test)


def test_too_many_questions_are_refused(run: Run, start: Start, certificate: Path) -> None:
    """What waits for one upstream is bounded."""

    async def test() -> None:
        asking = Asking(start(reaction=stay_silent), certificate)
        for _ in range(MAX_ASKED):
            asking.upstream.send(Question())
        with pytest.raises(ConnectionError):
            asking.upstream.send(Question())
        asking.upstream.close()

    run(test)


def test_nobody_listens(run: Run, start: Start, certificate: Path, alpn: str, caplog: pytest.LogCaptureFixture) -> None:
    """A refused connection fails what was asked; the pauses grow, one line tells of it and one of the recovery."""

    async def test() -> None:
        with SecureUpstream(certificate, alpn) as server:
            asking = Asking(server, certificate)
        started = monotonic()
        for _ in range(3):
            await asking.resolve(Question())
            await asking.wait()
        assert monotonic() - started >= 7 * FIRST_PAUSE
        assert len(asking.failures) == 3
        start(port=server.port)
        await asking.resolve(Question())
        assert len(asking.answers) == 1
        asking.upstream.close()

    caplog.set_level(logging.INFO, stream._log.name)
    run(test)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_handshake_that_never_ends_is_given_up(
    run: Run, start: Start, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upstream that accepts and then says nothing fails what was asked."""
    monkeypatch.setattr(stream, "PATIENCE", 0.2)

    async def test() -> None:
        server = start()
        with socket.create_server(("127.0.0.1", 0)) as mute:
            server.port = mute.getsockname()[1]
            asking = Asking(server, certificate)
            await asking.resolve(Question())
        assert len(asking.failures) == 1

    run(test)
