"""The outbox: what is to go out, written in the transaction of what it tells of; each function within the caller's.

An event is one row until it is addressed, then one for each outlet and recipient. A row ends when it was delivered or
given up; mail that was sent stays a while, so that nobody gets the same twice.
"""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, func, insert, select, update

from dnsfilter.model import Event, EventKind, Standing
from dnsfilter.outgoing.message import Message
from dnsfilter.store.database import upsert
from dnsfilter.store.pseudonyms import PREFIX
from dnsfilter.store.schema import audit, devices, marks, outbox

MAX_ROWS = 100_000
MAX_ID = 40
UNADDRESSED = ""
AT_ONCE = 0
"""The time at which a message is due that waits for nothing."""

_AUDIT = "audit"
_ACCUSED = (Standing.SUSPECTED, Standing.CONFIRMED, Standing.QUARANTINED)
_IS_THIS = and_(outbox.c.number == bindparam("this_number"), outbox.c.event == bindparam("this_event"))


class Destination(NamedTuple):
    """By which outlet an event goes out, and about which device: a notice has one of its recipient's."""

    outlet: str
    device: str


class Waiting(NamedTuple):
    """One row as people see it; times in seconds since the epoch, `sent` is 0 while it waits."""

    event: str
    outlet: str
    kind: str
    time: int
    device: str
    app: str
    attempts: int
    due: int
    sent: int


def add(connection: Connection, events: Sequence[Event]) -> int:
    """Add events; return for how many there was no room."""
    room = max(0, MAX_ROWS - connection.execute(select(func.count()).select_from(outbox)).scalar_one())
    rows = [_to_row(event, event.id or new_id(), UNADDRESSED, event.device) for event in events[:room]]
    if rows:
        connection.execute(insert(outbox), rows)
    return len(events) - len(rows)


def new_id() -> str:
    """Return the id of another event."""
    return f"evt_{secrets.token_hex(16)}"


def _to_row(event: Event, identifier: str, outlet: str, device: str) -> dict[str, Any]:
    return {
        "event": identifier,
        "outlet": outlet,
        "kind": event.kind.value,
        "time": int(event.time),
        "device": device,
        "app": event.app,
        "content": json.dumps(dict(event.content), sort_keys=True),
        "attempts": 0,
        "due": int(event.time),
        "sent": 0,
    }


def list_new(connection: Connection, limit: int) -> list[Message]:
    """Return the oldest events that are not addressed yet."""
    statement = select(outbox).where(outbox.c.outlet == UNADDRESSED).order_by(outbox.c.number).limit(limit)
    return [_to_message(row) for row in connection.execute(statement)]


def address(connection: Connection, message: Message, destinations: Sequence[Destination]) -> None:
    """Let an event go to these places, and nowhere else."""
    event = message.event
    rows = [_to_row(event, event.id, destination.outlet, destination.device) for destination in destinations]
    if rows:
        connection.execute(insert(outbox), rows)
    connection.execute(delete(outbox).where(outbox.c.number == message.number))


def was_told(connection: Connection, outlet: str, event: Event, names: Collection[str], since: float) -> bool:
    """Whether one of these devices was the subject of such a message since a time."""
    statement = (
        select(outbox.c.number)
        .where(outbox.c.outlet == outlet, outbox.c.kind == event.kind.value, outbox.c.app == event.app)
        .where(outbox.c.device.in_(names), outbox.c.time >= int(since))
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def take_due(
    connection: Connection, outlet: str, now: float, limit: int, in_hand: Collection[int], *, ordered: bool
) -> list[Message]:
    """Return messages that are due and in nobody's hand; where order counts, none while an earlier one has to wait."""
    statement = (
        select(outbox)
        .where(outbox.c.outlet == outlet, outbox.c.sent == 0, outbox.c.number.not_in(in_hand))
        .order_by(outbox.c.number)
    )
    if not ordered:
        statement = statement.where(outbox.c.due <= now)
    rows = connection.execute(statement.limit(limit)).all()
    waiting = next((index for index, row in enumerate(rows) if row.due > now), len(rows))
    return [_to_message(row) for row in rows[:waiting]]


def is_urgent(connection: Connection, outlet: str) -> bool:
    """Whether somebody has asked to try again at once."""
    statement = select(outbox.c.number).where(outbox.c.outlet == outlet, outbox.c.sent == 0, outbox.c.due == AT_ONCE)
    return connection.execute(statement.limit(1)).first() is not None


def count_sent(connection: Connection, outlet: str, since: float) -> int:
    """Return how many messages were sent since a time."""
    found = connection.scalar(
        select(func.count()).select_from(outbox).where(outbox.c.outlet == outlet, outbox.c.sent > int(since))
    )
    return int(found or 0)


def remove(connection: Connection, messages: Iterable[Message]) -> None:
    """Remove messages that were delivered or given up."""
    _change(connection, delete(outbox).where(_IS_THIS), [_key(message) for message in messages])


def keep_as_sent(connection: Connection, messages: Iterable[Message], now: float) -> None:
    """Keep messages that were delivered."""
    rows = [_key(message) for message in messages]
    _change(connection, update(outbox).where(_IS_THIS).values(sent=int(now)), rows)


def postpone(connection: Connection, dues: Iterable[tuple[Message, float]]) -> None:
    """Note failed attempts, and when the next one is due."""
    statement = update(outbox).where(_IS_THIS).values(attempts=outbox.c.attempts + 1, due=bindparam("next_due"))
    _change(connection, statement, [{**_key(message), "next_due": int(due)} for message, due in dues])


def retry_all(connection: Connection) -> int:
    """Let everything that waits be tried at once; return how much that is."""
    is_waiting = and_(outbox.c.sent == 0, outbox.c.outlet != UNADDRESSED)
    return connection.execute(update(outbox).where(is_waiting).values(due=AT_ONCE)).rowcount


def forget_sent(connection: Connection, before: float) -> None:
    """Remove what was sent before a time."""
    connection.execute(delete(outbox).where(outbox.c.sent > 0, outbox.c.sent < int(before)))


def give_up(connection: Connection, outlet: str, before: float) -> int:
    """Remove what has waited since before a time; return how much that was."""
    return _delete(connection, and_(outbox.c.outlet == outlet, outbox.c.sent == 0, outbox.c.time < int(before)))


def abandon(connection: Connection, outlets: Collection[str]) -> int:
    """Remove what waits for outlets other than these; return how much that was."""
    return _delete(connection, and_(outbox.c.outlet.not_in([*outlets, UNADDRESSED]), outbox.c.sent == 0))


def count_waiting(connection: Connection) -> dict[str, int]:
    """Return how much waits, by outlet; what is not addressed yet under no name."""
    statement = select(outbox.c.outlet, func.count()).where(outbox.c.sent == 0).group_by(outbox.c.outlet)
    return {row[0]: row[1] for row in connection.execute(statement)}


def list_all(connection: Connection, *, only_waiting: bool) -> list[Waiting]:
    """Return all rows, the oldest first."""
    statement = select(*(outbox.c[name] for name in Waiting._fields)).order_by(outbox.c.number)
    if only_waiting:
        statement = statement.where(outbox.c.sent == 0)
    return [Waiting(*row) for row in connection.execute(statement)]


def list_accused(connection: Connection, apps: Collection[str]) -> set[str]:
    """Return the devices on which there is evidence of one of these apps."""
    is_accused = and_(devices.c.app.in_(apps), devices.c.standing.in_(_ACCUSED))
    return set(connection.scalars(select(devices.c.device).where(is_accused)))


def read_marks(connection: Connection) -> dict[str, int]:
    """Return what was told, and when."""
    return {row.mark: row.value for row in connection.execute(select(marks))}


def mark(connection: Connection, values: Mapping[str, int]) -> None:
    """Note that something was told."""
    upsert(connection, marks, list(values.items()))


def unmark(connection: Connection, names: Collection[str]) -> None:
    """Let something be told again."""
    connection.execute(delete(marks).where(marks.c.mark.in_(names)))


def read_audit(connection: Connection, known: Mapping[str, int]) -> tuple[list[Event], int]:
    """Return what came into the audit since it was told the last time, and the number to mark; at first nothing."""
    end = connection.scalar(select(func.max(audit.c.number))) or 0
    last = known.get(_AUDIT, end)
    rows = connection.execute(select(audit).where(audit.c.number > last).order_by(audit.c.number)) if end > last else ()
    return [_to_event(row) for row in rows], end


def mark_audit(connection: Connection, number: int) -> None:
    """Note up to which entry the audit was told."""
    mark(connection, {_AUDIT: number})


def _to_event(row: Row[Any]) -> Event:
    details = json.loads(row.details)
    content = {"action": row.action, "actor": row.actor, "entry": str(row.number), "details": row.details}
    if isinstance(details.get("reason"), str):
        content["reason"] = details["reason"]
    device = row.subject if row.subject.startswith(PREFIX) else ""
    return Event(EventKind.AUDIT, row.time, content, device)


def _to_message(row: Row[Any]) -> Message:
    event = Event(EventKind(row.kind), row.time, json.loads(row.content), row.device, row.app, row.event)
    return Message(row.number, row.outlet, event, row.attempts)


def _key(message: Message) -> dict[str, Any]:
    """Return what a row is found by: its number alone could be that of another in a store that was begun anew."""
    return {"this_number": message.number, "this_event": message.event.id}


def _change(connection: Connection, statement: Any, rows: list[dict[str, Any]]) -> None:  # noqa: ANN401 - any of SQL's
    if rows:
        connection.execute(statement, rows)


def _delete(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.execute(delete(outbox).where(condition)).rowcount
