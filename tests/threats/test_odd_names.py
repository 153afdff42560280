"""Names of octets that are no host name: filtered and answered by their octets, and in no place taken for text."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from dnsfilter.wire.framing import MAX_MESSAGE
from tests.conformance.reading import read
from tests.fakes.messages import to_wire
from tests.fakes.monsters import query, record, response
from tests.fakes.world import Upstream, World, shipped

NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()
LABELS = {
    "NUL": b"\0",
    "dot": b".",
    "backslash": b"\\",
    "quotes": b"\"'`",
    "255": b"\xff" * 63,
    "newline": b"\r\n",
    "HTML": b"<img/src=x onerror=alert(1)>",
    "template": b"${7*7}{{7*7}}",
    "ANSI escapes": b"\x1b[2J\x1b]0;x\x07",
    "formula": b"=cmd|'/C calc'!A0",
    "half of UTF-8": b"\xc3",
    "an escape for itself": b"\\046",
    "a space": b" ",
}
CLIENT = b"\x7f\0\0\1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Put in force what runs without a configuration."""
    directory: Path = tmp_path_factory.mktemp("world")
    return World(*shipped(directory), Upstream(), NOW)


def receive(world: World, *labels: bytes) -> bytes | Pending:
    """Ask for a name of these labels."""
    message = query(name=to_wire(labels) + b"\0\1\0\1")
    result = world.resolver.receive(message, world.resolver.seats.take(CLIENT, NOW), Transport.UDP, NOW)
    assert result
    return result


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_any_label_below_a_listed_name_is_listed(world: World, label: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody reaches the app by a label that a filter would stumble over; the question comes back to the octet."""
    result = receive(world, label, b"tiktok", b"com")
    assert isinstance(result, bytes)
    assert read(result).question == to_wire((label, b"tiktok", b"com")) + b"\0\1\0\1"
    assert read(result).sections[0][0][3] == b"\x7f\0\0\1"
    assert not caplog.records


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_any_label_elsewhere_is_resolved(world: World, label: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A name of odd octets that is on no list gets what the upstream says of it, aliases of odd octets included."""
    pending = receive(world, label, b"example")
    assert isinstance(pending, Pending)
    question = pending.query.question
    alias = to_wire((label, b"cdn", b"example"))
    message = response(record(5, alias) + record(1, b"\xc0\0\2\1", alias), 2)
    message = message[:12] + question + message[12 + 17 :]
    answer = world.resolver.accept(pending.query, message, NOW)
    sections = read(world.resolver.finish(pending, answer, NOW)).sections
    assert sorted(item[3] for item in sections[0]) == sorted([alias.lower(), b"\xc0\0\2\1"])
    assert not caplog.records


@pytest.mark.parametrize("label", [b"www.tiktok.com", b"tiktok.com", b"tiktok.com\0", b"tiktok\0com"])
def test_a_label_that_reads_like_a_listed_name_is_another(world: World, label: bytes) -> None:
    """A dot inside a label separates nothing: neither as a name of its own nor at the end of one."""
    assert isinstance(receive(world, label), Pending)
    assert isinstance(receive(world, b"www", label, b"example"), Pending)


@pytest.mark.parametrize("target", [(b"\xff", b"tiktok", b"com"), (b"a.b", b"tiktokv", b"eu"), (b"TikTok", b"COM")])
def test_an_alias_with_odd_labels_is_judged(world: World, target: tuple[bytes, ...]) -> None:
    """A harmless name whose alias is listed below an odd label is blocked."""
    pending = receive(world, b"harmless", target[0], b"example")
    assert isinstance(pending, Pending)
    message = response(record(5, to_wire(target)) + record(1, b"\xc0\0\2\1", to_wire(target)), 2)
    message = message[:12] + pending.query.question + message[12 + 17 :]
    answer = world.resolver.accept(pending.query, message, NOW)
    assert b"\xc0\0\2\1" not in [item[3] for item in read(world.resolver.finish(pending, answer, NOW)).sections[0]]


def test_what_is_counted_of_them_is_no_name(world: World) -> None:
    """Neither journal nor metrics hold an octet of what was asked, whatever that was."""
    world.drain()
    for label in LABELS.values():
        receive(world, label, b"tiktok", b"com")
    batch = repr(world.drain())
    assert "sightings" in batch
    assert not [label for label in LABELS.values() if len(label) > 2 and repr(label)[2:-1] in batch]
    assert len(batch) < MAX_MESSAGE
