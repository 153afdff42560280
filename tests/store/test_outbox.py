"""The rows of the outbox."""

import pytest
from sqlalchemy import Connection, Engine

from dnsfilter.model import EventKind
from dnsfilter.outgoing.message import Message
from dnsfilter.store import outbox
from dnsfilter.store.audit import append
from dnsfilter.store.outbox import Destination
from dnsfilter.store.sightings import record
from tests.fakes.events import MORNING, event
from tests.fakes.sightings import attributed, sighting


@pytest.fixture
def connection(engine: Engine) -> Connection:
    """Return a connection whose transaction is that of the test."""
    return engine.connect()


def send(connection: Connection, *devices: str, outlet: str = "hook", kind: EventKind = EventKind.CONFIRMED) -> None:
    """Add events and address them."""
    outbox.add(connection, [event(kind, device=device, id="") for device in devices])
    for found in outbox.list_new(connection, 100):
        outbox.address(connection, found, [Destination(outlet, found.event.device)])


def due(connection: Connection, now: float = MORNING, *, ordered: bool = True, outlet: str = "hook") -> list[Message]:
    """Return what is due."""
    return outbox.take_due(connection, outlet, now, 100, (), ordered=ordered)


def devices(messages: list[Message]) -> list[str]:
    return [message.event.device for message in messages]


def test_an_event_comes_back_as_it_was(connection: Connection) -> None:
    """What is stored of an event is all there is to it; it has got an id."""
    outbox.add(connection, [event(id="")])
    (found,) = outbox.list_new(connection, 10)
    assert found.event == event(id=found.event.id)
    assert found.event.id.startswith("evt_")
    assert len(found.event.id) <= outbox.MAX_ID


def test_room_is_bounded(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is not stored, and counted."""
    monkeypatch.setattr(outbox, "MAX_ROWS", 3)
    assert outbox.add(connection, [event()] * 2) == 0
    assert outbox.add(connection, [event()] * 4) == 3
    assert len(outbox.list_new(connection, 10)) == 3


def test_addressing(connection: Connection) -> None:
    """An event becomes a message for each destination, under one id; without a destination it is gone."""
    outbox.add(connection, [event(id="evt_1"), event(id="evt_2")])
    first, second = outbox.list_new(connection, 10)
    outbox.address(connection, first, [Destination("a", "d-1"), Destination("b", "d-2")])
    outbox.address(connection, second, [])
    assert outbox.list_new(connection, 10) == []
    (message,) = due(connection, outlet="b")
    assert (message.event.id, message.event.device) == ("evt_1", "d-2")
    assert outbox.count_waiting(connection) == {"a": 1, "b": 1}


def test_order(connection: Connection) -> None:
    """Where order counts, what waits for its pause holds back what comes after it; else it does not."""
    send(connection, "d-1", "d-2", "d-3")
    first, second, _ = due(connection)
    outbox.postpone(connection, [(second, MORNING + 60)])
    assert devices(due(connection)) == ["d-1"]
    assert devices(due(connection, ordered=False)) == ["d-1", "d-3"]
    outbox.remove(connection, [first])
    assert due(connection) == []
    later = due(connection, MORNING + 60)
    assert devices(later) == ["d-2", "d-3"]
    assert [message.attempts for message in later] == [1, 0]


def test_what_is_in_hand_is_not_handed_out(connection: Connection) -> None:
    """A message that somebody is delivering is not given to anybody else."""
    send(connection, "d-1", "d-2")
    first, second = due(connection)
    assert outbox.take_due(connection, "hook", MORNING, 100, {first.number}, ordered=True) == [second]
    assert outbox.take_due(connection, "hook", MORNING, 1, (), ordered=True) == [first]


def test_a_store_that_was_begun_anew(connection: Connection) -> None:
    """What became of a message of another store, which had the same number, changes nothing here."""
    send(connection, "d-1")
    (found,) = due(connection)
    outbox.remove(connection, [Message(found.number, "hook", event(id="evt_other"))])
    assert due(connection) == [found]


def test_sent_mail_is_remembered(connection: Connection) -> None:
    """A mail that was sent waits no more, counts for the hour, tells who got it, and is forgotten in time."""
    send(connection, "d-1", outlet="mail")
    (found,) = due(connection, outlet="mail")
    outbox.keep_as_sent(connection, [found], MORNING + 5)
    assert (due(connection, outlet="mail"), outbox.count_waiting(connection)) == ([], {})
    assert outbox.count_sent(connection, "mail", MORNING) == 1
    assert outbox.count_sent(connection, "mail", MORNING + 5) == 0
    assert outbox.was_told(connection, "mail", event(), ["d-9", "d-1"], MORNING)
    assert not outbox.was_told(connection, "mail", event(), ["d-1"], MORNING + 1)
    assert not outbox.was_told(connection, "mail", event(app="other"), ["d-1"], MORNING)
    assert not outbox.was_told(connection, "mail", event(EventKind.CLEARED), ["d-1"], MORNING)
    outbox.forget_sent(connection, MORNING + 5)
    assert outbox.was_told(connection, "mail", event(), ["d-1"], MORNING)
    outbox.forget_sent(connection, MORNING + 6)
    assert not outbox.was_told(connection, "mail", event(), ["d-1"], MORNING)


def test_retry(connection: Connection) -> None:
    """Everything that waits can be made due at once."""
    send(connection, "d-1", "d-2")
    outbox.postpone(connection, [(message, MORNING + 3_600) for message in due(connection)])
    assert not outbox.is_urgent(connection, "hook")
    assert outbox.retry_all(connection) == 2
    assert outbox.is_urgent(connection, "hook")
    assert devices(due(connection)) == ["d-1", "d-2"]


def test_giving_up(connection: Connection) -> None:
    """What has waited too long, or for an outlet that is gone, is removed and counted; unaddressed events stay."""
    send(connection, "d-1")
    send(connection, "d-2", outlet="other")
    outbox.add(connection, [event()])
    assert outbox.give_up(connection, "hook", MORNING) == 0
    assert outbox.give_up(connection, "hook", MORNING + 1) == 1
    assert outbox.abandon(connection, ["hook"]) == 1
    assert [row.outlet for row in outbox.list_all(connection, only_waiting=True)] == [""]


def test_accused(connection: Connection) -> None:
    """Who is reminded are the devices with evidence of one of these apps."""
    record(connection, [attributed(sighting("a"), "d-1"), attributed(sighting("a", app="other"), "d-2")])
    assert outbox.list_accused(connection, ["tiktok"]) == {"d-1"}
    assert outbox.list_accused(connection, ["tiktok", "other"]) == {"d-1", "d-2"}
    assert outbox.list_accused(connection, []) == set()


def test_marks(connection: Connection) -> None:
    """What was told is remembered until it may be told again."""
    outbox.mark(connection, {"a": 1, "b": 2})
    outbox.mark(connection, {"b": 3})
    outbox.unmark(connection, ["a"])
    assert outbox.read_marks(connection) == {"b": 3}


def test_the_audit(engine: Engine) -> None:
    """History is not told; then every entry once, with who did what to whom and why."""
    with engine.begin() as connection:
        append(connection, time=1, actor="root", action="reveal", subject="d-1", details={"reason": "old"})
        events, end = outbox.read_audit(connection, {})
        assert (events, end) == ([], 1)
        outbox.mark_audit(connection, end)
        append(connection, time=2, actor="root", action="reveal", subject="d-1", details={"reason": "T-1"})
        ((found,), end) = outbox.read_audit(connection, outbox.read_marks(connection))
        outbox.mark_audit(connection, end)
        assert outbox.read_audit(connection, outbox.read_marks(connection)) == ([], 2)
    assert (found.kind, found.time, found.device) == (EventKind.AUDIT, 2, "d-1")
    assert found.content == {
        "action": "reveal",
        "actor": "root",
        "entry": "2",
        "details": '{"reason": "T-1"}',
        "reason": "T-1",
    }
