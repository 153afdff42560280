"""The clerk and its filing: what goes into the outbox, what is handed out, what becomes of it."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from dnsfilter.model import Event, EventKind, Standing
from dnsfilter.outgoing.message import FIRST_PAUSE, Fate, Message, Result
from dnsfilter.store import clerk as module
from dnsfilter.store import outbox
from dnsfilter.store.audit import append, list_entries, verify
from dnsfilter.store.clerk import Clerk
from dnsfilter.store.filing import OVERFLOW, SUPPRESSED, Terms
from dnsfilter.store.sightings import record
from dnsfilter.store.standings import Change
from tests.fakes.events import MORNING, event
from tests.fakes.plans import DAY, SimplePlan
from tests.fakes.sightings import attributed, sighting

MAIL = Terms(DAY, is_ordered=False, per_hour=3, repeat_after=DAY)


class Desk:
    """A clerk over a store, with a clock that the test sets."""

    def __init__(self, engine: Engine, heads: Path) -> None:
        self.engine, self.heads = engine, heads
        self.now = MORNING
        self.plan = SimplePlan()
        self.handed: list[Message] = []
        self.fates = Counter[tuple[str, str]]()
        self.begin()

    def begin(self) -> None:
        """Start a clerk, as after a restart."""
        self.clerk = Clerk(self.heads, self.handed.extend, self._count)
        self.clerk.want(EventKind)
        self.clerk.follow(self.plan)

    def _count(self, outlet: str, fate: str, number: int) -> None:
        self.fates[outlet, fate] += number

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self.now

    def change(self, *changes: Change, capped: Sequence[str] | None = ()) -> None:
        """Let a ruling change standings."""
        with self.engine.begin() as connection:
            self.clerk.tell(connection, changes, capped, self.now)

    def work(self, *, is_clock_steady: bool = True) -> list[Message]:
        """Let the clerk do what is due; return what it hands out."""
        self.handed.clear()
        self.clerk.work(self.engine, is_clock_steady=is_clock_steady)
        return list(self.handed)

    def settle(self, *fates: Fate, pause: float = 0.0) -> None:
        """Say what became of the messages handed out last."""
        for message, fate in zip(list(self.handed), fates, strict=True):
            self.clerk.settle(message, Result(fate, "", pause))

    def rows(self) -> list[outbox.Waiting]:
        """Return what is in the outbox."""
        with self.engine.connect() as connection:
            return outbox.list_all(connection, only_waiting=False)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(engine, tmp_path / "heads")
    monkeypatch.setattr(module, "time", made)
    return made


def confirmed(device: str = "d-1", before: Standing = Standing.CLEAR, after: Standing = Standing.CONFIRMED) -> Change:
    return Change(device, "tiktok", "corporate", before, after, "seen")


def about(messages: Sequence[Message]) -> list[str]:
    return [message.event.device for message in messages]


def test_a_change_is_handed_out_once(desk: Desk) -> None:
    """A change of standing becomes a message; while it is in hand, and once it is delivered, it is not given again."""
    desk.change(confirmed())
    (message,) = desk.work()
    assert message.event.kind is EventKind.CONFIRMED
    assert message.event.content["before"] == "clear"
    assert desk.work() == []
    desk.clerk.settle(message, Result(Fate.DELIVERED))
    assert desk.work() == []
    assert desk.rows() == []
    assert desk.fates == {("hook", "delivered"): 1}


def test_a_rolled_back_change_is_not_told(desk: Desk) -> None:
    """What happens to the ruling's transaction happens to the message."""
    desk.work()
    with desk.engine.connect() as connection, connection.begin() as transaction:
        desk.clerk.tell(connection, [confirmed()], (), desk.now)
        transaction.rollback()
    desk.clerk.begin_again()
    assert desk.work() == []


@pytest.mark.parametrize("moment", ["told", "addressed", "handed out", "delivered but not noted"])
def test_a_kill_at_any_moment(desk: Desk, moment: str) -> None:
    """Whatever the last thing was that a clerk did, the next one hands out the same event under the same id."""
    desk.change(confirmed())
    first = desk.rows()[0].event
    if moment != "told":
        desk.work()
    if moment == "delivered but not noted":
        desk.settle(Fate.DELIVERED)
    desk.begin()
    (message,) = desk.work()
    assert message.event.id == first
    desk.settle(Fate.DELIVERED)
    desk.work()
    assert desk.rows() == []


def test_only_what_is_wanted(desk: Desk) -> None:
    """Kinds that nobody is to be told of are not stored, nor what is about no device."""
    desk.clerk.want([EventKind.QUARANTINED])
    desk.change(confirmed(), confirmed("d-2", Standing.CONFIRMED, Standing.QUARANTINED), capped=["order"])
    desk.clerk.want(EventKind)
    desk.change(
        confirmed("d-3", Standing.CLEAR, Standing.UNATTRIBUTABLE),
        confirmed("d-4", Standing.UNATTRIBUTABLE, Standing.CLEAR),
    )
    assert [row.device for row in desk.rows()] == ["d-2"]


def test_order_and_pauses(desk: Desk) -> None:
    """A blocked outlet waits longer after each failure, or as it is asked to, then goes on where it was, in order."""
    desk.change(*(confirmed(f"d-{number}") for number in range(3)))
    assert about(desk.work()) == ["d-0", "d-1", "d-2"]
    for pause in (FIRST_PAUSE, 2 * FIRST_PAUSE):
        desk.settle(Fate.BLOCKED, Fate.RETURNED, Fate.RETURNED)
        assert desk.work() == []
        desk.now += pause - 1
        assert desk.work() == []
        desk.now += 1
        assert about(desk.work()) == ["d-0", "d-1", "d-2"]
    desk.settle(Fate.BLOCKED, Fate.RETURNED, Fate.RETURNED, pause=600)
    desk.work()
    desk.now += 599
    assert desk.work() == []
    desk.begin()
    assert desk.work() == []
    desk.now += 1
    assert about(desk.work()) == ["d-0", "d-1", "d-2"]
    desk.settle(Fate.DELIVERED, Fate.REFUSED, Fate.DELIVERED)
    desk.work()
    assert desk.rows() == []
    assert desk.fates == {("hook", "blocked"): 3, ("hook", "delivered"): 2, ("hook", "refused"): 1}


def test_somebody_asks_to_retry(desk: Desk) -> None:
    """A blocked outlet is tried again at once when a person says so."""
    desk.change(confirmed())
    desk.work()
    desk.settle(Fate.BLOCKED)
    assert desk.work() == []
    with desk.engine.begin() as connection:
        outbox.retry_all(connection)
    assert about(desk.work()) == ["d-1"]


def test_mail_waits_alone(desk: Desk) -> None:
    """One recipient that has to wait holds up no other."""
    desk.plan.terms = {"mail": MAIL}
    desk.change(confirmed("d-1"), confirmed("d-3"))
    assert about(desk.work()) == ["d-1", "d-3"]
    desk.settle(Fate.LATER, Fate.DELIVERED)
    assert desk.work() == []
    desk.now += FIRST_PAUSE
    assert about(desk.work()) == ["d-1"]


def test_mail_per_hour(desk: Desk) -> None:
    """No more than so many mails go out in any hour, a restart included; the rest waits."""
    desk.plan.terms = {"mail": MAIL}
    desk.plan.owners = {f"d-{number}": str(number) for number in range(5)}
    desk.change(*(confirmed(name) for name in desk.plan.owners))
    assert about(desk.work()) == ["d-0", "d-1", "d-2"]
    desk.settle(*[Fate.DELIVERED] * 3)
    assert desk.work() == []
    desk.begin()
    desk.now += 3_500
    assert desk.work() == []
    desk.now += 101
    assert about(desk.work()) == ["d-3", "d-4"]


def test_an_owner_is_told_once(desk: Desk) -> None:
    """The owner of two devices gets one notice of a kind; another owner, another kind, another day get theirs."""
    desk.plan.terms = {"mail": MAIL._replace(per_hour=100)}
    desk.change(confirmed("d-1"), confirmed("d-2"), confirmed("d-3"))
    assert about(desk.work()) == ["d-1", "d-3"]
    assert desk.fates["mail", SUPPRESSED] == 1
    desk.settle(Fate.DELIVERED, Fate.DELIVERED)
    desk.change(confirmed("d-2"), confirmed("d-2", Standing.CONFIRMED, Standing.QUARANTINED))
    assert [message.event.kind for message in desk.work()] == [EventKind.QUARANTINED]
    desk.now += DAY + 1
    desk.change(confirmed("d-2"))
    assert EventKind.CONFIRMED in [message.event.kind for message in desk.work()]


def test_dates_are_told_once(desk: Desk) -> None:
    """What a date calls for goes out once, also across restarts, and not while the clock is not to be trusted."""
    desk.plan.due = [("announcement/order", event(EventKind.ANNOUNCEMENT, device="", app=""))]
    assert desk.work(is_clock_steady=False) == []
    assert len(desk.work()) == 1
    desk.settle(Fate.DELIVERED)
    assert desk.work() == []
    desk.begin()
    assert desk.work() == []


def test_reminders_know_the_accused(desk: Desk) -> None:
    """The plan learns on which devices there is evidence, for a reminder only."""
    with desk.engine.begin() as connection:
        record(connection, [attributed(sighting("a"), "d-1")])
    content: dict[str, Any] = {"policy": "order", "apps": ["tiktok"]}
    desk.plan.due = [
        (str(kind), event(kind, device="", app="", content=content))
        for kind in (EventKind.REMINDER, EventKind.ANNOUNCEMENT)
    ]
    desk.work()
    assert desk.plan.accused == [{"d-1"}, ()]


def test_a_cap_is_told_once(desk: Desk) -> None:
    """That a cap is reached is told when it begins, not again after a restart, and again after it was over."""

    def told() -> list[Message]:
        found = [message for message in desk.work() if message.event.kind is EventKind.CAP_REACHED]
        desk.settle(*[Fate.DELIVERED] * len(desk.handed))
        desk.work()
        return found

    desk.change(capped=["order"])
    assert [message.event.content for message in told()] == [{"policy": "order"}]
    desk.change(capped=["order"])
    desk.begin()
    desk.change(confirmed(), capped=None)
    desk.change(capped=["order"])
    assert told() == []
    desk.change(capped=[])
    desk.change(capped=["order"])
    assert len(told()) == 1


def test_the_audit_is_told(desk: Desk) -> None:
    """An entry that a command makes while the clerk works goes out."""
    desk.work()
    with desk.engine.begin() as connection:
        append(connection, time=desk.now, actor="root", action="reveal", subject="d-1", details={"reason": "T-1"})
    (message,) = desk.work()
    assert (message.event.kind, message.event.content["actor"]) == (EventKind.AUDIT, "root")


def test_who_learns_the_device_is_audited(desk: Desk) -> None:
    """Before an outlet that identifies is handed anything the audit says so; where it cannot, nothing goes out."""
    desk.clerk.want([EventKind.CONFIRMED])
    desk.plan.identifies = {"hook"}
    desk.change(confirmed("d-1"), confirmed("d-unknown"))
    desk.heads.mkdir()
    assert desk.work() == []
    desk.heads.rmdir()
    assert about(desk.work()) == ["d-1", "d-unknown"]
    with desk.engine.connect() as connection:
        (entry,) = list_entries(connection)
        assert verify(connection, desk.heads) == []
    assert (entry.actor, entry.action, entry.subject) == ("dnsfilter", "disclose", "d-1")
    assert entry.details == {"outlet": "hook", "event": desk.handed[0].event.id, "kind": "confirmed"}


def test_giving_up(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """What is too late, and what waits for an outlet that is gone, ends, is counted and logged."""
    desk.plan.terms = {"hook": Terms(DAY), "old": Terms(DAY)}
    desk.change(confirmed())
    desk.work()
    desk.settle(Fate.BLOCKED, Fate.BLOCKED)
    desk.plan.terms = {"hook": Terms(DAY)}
    desk.work()
    desk.now += DAY + 1
    assert desk.work() == []
    assert desk.rows() == []
    assert desk.fates["hook", "refused"] == desk.fates["", "refused"] == 1
    assert caplog.text.count("given up") == 2


def test_a_full_outbox(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no room is counted and stops nothing."""
    monkeypatch.setattr(outbox, "MAX_ROWS", 1)
    desk.change(confirmed("d-1"), confirmed("d-2"))
    assert about(desk.work()) == ["d-1"]
    assert desk.fates["", OVERFLOW] == 1


def test_without_a_plan_everything_waits(desk: Desk) -> None:
    """Before the inventory is known nothing goes out and nothing is lost."""
    waiting = Clerk(desk.heads, desk.handed.extend, desk._count)
    waiting.want(EventKind)
    waiting.post(Event(EventKind.RELOAD_FAILED, desk.now, {"reason": "broken"}))
    waiting.work(desk.engine, is_clock_steady=True)
    assert desk.handed == []
    waiting.follow(desk.plan)
    waiting.work(desk.engine, is_clock_steady=True)
    assert [message.event.content for message in desk.handed] == [{"reason": "broken"}]


def test_the_queue_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An outlet gets no more at once than it can have in hand; the rest follows."""
    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(module, "MAX_IN_HAND", 2)
    desk.change(*(confirmed(f"d-{number}") for number in range(3)))
    assert about(desk.work()) == ["d-0", "d-1"]
    desk.settle(Fate.DELIVERED, Fate.DELIVERED)
    assert about(desk.work()) == ["d-2"]
    assert caplog.records == []
