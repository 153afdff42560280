"""What one transaction does to the outbox: takes in events, addresses them, notes what became of messages, tidies."""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from dnsfilter.model import NOTICES, Event, EventKind
from dnsfilter.outgoing.message import Fate, Message, Result
from dnsfilter.store import outbox
from dnsfilter.store.audit import SYSTEM, append

MAX_ADDRESSED = 1_000
"""Events that are addressed in one transaction."""
HOUR = 3600.0
OVERFLOW = "overflow"
"""What became of an event for which the outbox had no room."""
SUPPRESSED = "suppressed"
"""What became of a notice whose recipient got the same one lately."""

_CAPPED = "capped/"

_log = logging.getLogger(__name__)


class Terms(NamedTuple):
    """How an outlet is served, times in seconds; `is_ordered` where a message waits for the one before it.

    Where `per_hour` limits what goes out, nobody gets the same again within `repeat_after`.
    """

    give_up_after: float
    is_ordered: bool = True
    per_hour: int | None = None
    repeat_after: float = 0.0


class Plan(Protocol):
    """Who is told of what, by the configuration and the inventory in force."""

    @property
    def terms(self) -> Mapping[str, Terms]:
        """How each outlet is served."""

    @property
    def identifies(self) -> Collection[str]:
        """The outlets that tell which device is meant."""

    def distribute(self, event: Event, accused: Collection[str]) -> Sequence[outbox.Destination]:
        """Return where an event goes."""

    def find_siblings(self, device: str) -> Collection[str]:
        """Return all devices of the same owner; none where the inventory does not know the device."""

    def find_due(self, now: float) -> Sequence[tuple[str, Event]]:
        """Return what the dates of policies call for, each with the mark that keeps it from being told twice."""


class Filing:
    """The outbox within one transaction; `fates` counts what became of how many messages, by outlet."""

    def __init__(self, connection: Connection, wanted: Collection[EventKind], now: float) -> None:
        self._connection, self._wanted, self._now = connection, wanted, now
        self.marks = outbox.read_marks(connection)
        self.fates = Counter[tuple[str, str]]()

    def add(self, events: Sequence[Event]) -> bool:
        """Take in events that somebody wants; whether there were any."""
        wanted = [event for event in events if event.kind in self._wanted]
        if wanted and (lost := outbox.add(self._connection, wanted)):
            self.fates["", OVERFLOW] += lost
        return bool(wanted)

    def add_capped(self, capped: Collection[str]) -> bool:
        """Take in that caps are reached that were not before; whether there were any."""
        known = {name.removeprefix(_CAPPED) for name in self.marks if name.startswith(_CAPPED)}
        new = sorted(set(capped) - known)
        outbox.unmark(self._connection, [_CAPPED + policy for policy in known.difference(capped)])
        outbox.mark(self._connection, {_CAPPED + policy: int(self._now) for policy in new})
        return self.add([Event(EventKind.CAP_REACHED, self._now, {"policy": policy}) for policy in new])

    def add_audit(self) -> bool:
        """Take in what came into the audit; whether there was anything."""
        events, end = outbox.read_audit(self._connection, self.marks)
        outbox.mark_audit(self._connection, end)
        return self.add(events)

    def add_due(self, plan: Plan) -> bool:
        """Take in what the dates of policies call for; whether there was anything."""
        found = [(name, event) for name, event in plan.find_due(self._now) if name not in self.marks]
        outbox.mark(self._connection, {name: int(self._now) for name, _ in found})
        return self.add([event for _, event in found])

    def address(self, plan: Plan) -> bool:
        """Decide where events go; whether there may be more of them."""
        messages = outbox.list_new(self._connection, MAX_ADDRESSED)
        for message in messages:
            found = plan.distribute(message.event, self._find_accused(message.event))
            chosen = [each for each in found if not self._was_told(plan, message.event, each)]
            for outlet in {each.outlet for each in found if each not in chosen}:
                self.fates[outlet, SUPPRESSED] += 1
            outbox.address(self._connection, message, chosen)
            for destination in chosen:
                if destination.outlet in plan.identifies and plan.find_siblings(destination.device):
                    self._disclose(message.event, destination)
        return len(messages) == MAX_ADDRESSED

    def settle(self, plan: Plan, results: Sequence[tuple[Message, Result]], pauses: Sequence[float]) -> None:
        """Note what became of messages; what was not delivered is due after its pause."""
        found: dict[Fate, list[Message]] = defaultdict(list)
        for message, result in results:
            found[result.fate].append(message)
        for fate in set(found) - {Fate.RETURNED}:
            for message in found[fate]:
                self.fates[message.outlet, fate.value] += 1
        limited = {outlet for outlet, terms in plan.terms.items() if terms.per_hour}
        delivered = found[Fate.DELIVERED]
        outbox.keep_as_sent(self._connection, [each for each in delivered if each.outlet in limited], self._now)
        outbox.remove(self._connection, [each for each in delivered if each.outlet not in limited])
        outbox.remove(self._connection, found[Fate.REFUSED])
        dues = [(message, self._now + pause) for (message, _), pause in zip(results, pauses, strict=True) if pause]
        outbox.postpone(self._connection, dues)

    def tidy(self, plan: Plan) -> None:
        """Remove what has waited too long, what waits for an outlet that is gone, and old copies of what was sent."""
        for outlet, terms in plan.terms.items():
            if late := outbox.give_up(self._connection, outlet, self._now - terms.give_up_after):
                self.fates[outlet, Fate.REFUSED.value] += late
                _log.error("%s: %d messages could not be delivered in time and are given up", outlet, late)
        if abandoned := outbox.abandon(self._connection, list(plan.terms)):
            self.fates["", Fate.REFUSED.value] += abandoned
            _log.error("%d messages are given up: their outlets are not configured any more", abandoned)
        memory = max([HOUR, *(terms.repeat_after for terms in plan.terms.values())])
        outbox.forget_sent(self._connection, self._now - memory)

    def _find_accused(self, event: Event) -> Collection[str]:
        if event.kind is not EventKind.REMINDER:
            return ()
        return outbox.list_accused(self._connection, event.content.get("apps", ()))

    def _was_told(self, plan: Plan, event: Event, destination: outbox.Destination) -> bool:
        repeat_after = plan.terms[destination.outlet].repeat_after
        if not repeat_after or not event.app or event.kind not in NOTICES:
            return False
        names = plan.find_siblings(destination.device)
        return outbox.was_told(self._connection, destination.outlet, event, names, event.time - repeat_after)

    def _disclose(self, event: Event, destination: outbox.Destination) -> None:
        """Write to the audit who is going to learn which device is meant, before anybody does."""
        append(
            self._connection,
            time=self._now,
            actor=SYSTEM,
            action="disclose",
            subject=destination.device,
            details={"outlet": destination.outlet, "event": event.id, "kind": event.kind.value},
        )
