"""Who is told of what: by the outlets and policies of a snapshot, and by whom the inventory knows.

Knows devices by their pseudonyms, and is the only place where one leads to a mail address. A new one is made when the
snapshot or the inventory changes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from dnsfilter.blocklist.compiler import find_titles
from dnsfilter.config import Configuration
from dnsfilter.model import (
    STANDING_EVENTS,
    CompiledList,
    Device,
    Event,
    EventKind,
    Grade,
    Phase,
    Standing,
)
from dnsfilter.outgoing.message import Message
from dnsfilter.outgoing.notice import Order, Recipient
from dnsfilter.policy.phases import Schedule
from dnsfilter.process.orders import PolicyOrders
from dnsfilter.settings.notification import Notices, Outlet
from dnsfilter.settings.order import Policy
from dnsfilter.store.filing import Terms
from dnsfilter.store.outbox import Destination

_TOLD = (Phase.WARN, Phase.ENFORCE, Phase.QUARANTINE)
"""Phases in which an owner is told what was seen; before them the network only observes."""
_DATES = (EventKind.ANNOUNCEMENT, EventKind.REMINDER)


class OutgoingPlan:
    """The outlets of one configuration, for the devices of one inventory by pseudonym."""

    def __init__(
        self, configuration: Configuration, lists: Sequence[CompiledList], devices: Mapping[str, Device]
    ) -> None:
        self._configuration, self._devices = configuration, devices
        self._outlets = configuration.outlets
        self._titles = find_titles(lists)
        self._policies = [_Dated(policy, configuration.timezone, lists) for policy in configuration.policies]
        self._orders = PolicyOrders(configuration, lists, {name: device.group for name, device in devices.items()})
        self._unflagged = {group.name for group in configuration.groups if not group.flag}
        self._siblings: dict[str, list[str]] = defaultdict(list)
        for name, device in devices.items():
            self._siblings[_owner(name, device)].append(name)
        self.terms = {name: _find_terms(section) for name, section in self._outlets.items()}
        self.identifies = {each.name for each in configuration.webhooks if each.identify}

    def distribute(self, event: Event, accused: Collection[str]) -> list[Destination]:
        """Return where an event goes."""
        found: list[Destination] = []
        for name, section in self._outlets.items():
            if event.kind not in section.kinds:
                continue
            devices = self._find_recipients(event, accused) if isinstance(section, Notices) else [event.device]
            found += [Destination(name, device) for device in devices]
        return found

    def find_siblings(self, device: str) -> Collection[str]:
        """Return all devices of the same owner; none where the inventory does not know the device."""
        known = self._devices.get(device)
        return self._siblings[_owner(device, known)] if known else ()

    def find_due(self, now: float) -> list[tuple[str, Event]]:
        """Return what the dates of policies call for now, each with the mark that keeps it from being told twice."""
        wanted = find_wanted(self._configuration)
        return [found for policy in self._policies for found in self._find_due(policy, now) if found[1].kind in wanted]

    def find_identity(self, message: Message) -> str:
        """Return a device's id in the inventory where the outlet may learn it, else nothing."""
        device = self._devices.get(message.event.device)
        is_told = message.outlet in self.identifies and message.event.kind in STANDING_EVENTS
        return device.id if device and is_told else ""

    def find_recipient(self, message: Message) -> Recipient:
        """Return the owner of a message's device as the inventory has them now; ValueError where it has none."""
        device = self._devices.get(message.event.device)
        if device is None:
            raise ValueError("the inventory does not know the device any more")
        return Recipient(device.mail, device.owner, device.name or device.id, device.language)

    def find_order(self, message: Message) -> Order:
        """Return what the policy that a message is about asks for; ValueError where it asks for nothing any more."""
        event = message.event
        policies = [policy for policy in self._policies if self._concerns(policy, event)]
        if event.kind in _DATES:
            if not policies or policies[0].deadline is None:
                raise ValueError("its policy has no deadline any more")
            return policies[0].describe(", ".join(map(self._title, sorted(policies[0].apps))))
        dated = sorted((policy for policy in policies if policy.deadline), key=lambda policy: policy.deadline or 0.0)
        title = self._title(event.app)
        return dated[0].describe(title) if dated else Order(title, None, withholds=False)

    def _title(self, app: str) -> str:
        return self._titles.get(app, app)

    def _concerns(self, policy: "_Dated", event: Event) -> bool:
        if event.kind in _DATES:
            return policy.name == event.content.get("policy")
        device = self._devices.get(event.device)
        group = (device.group if device else "") or str(event.content.get("group", ""))
        return event.app in policy.apps and policy.covers(group)

    def _find_recipients(self, event: Event, accused: Collection[str]) -> Collection[str]:
        """Return the devices whose owners get a notice, one of each owner."""
        if event.kind in _DATES:
            policy = next((each for each in self._policies if each.name == event.content.get("policy")), None)
            names = accused if event.kind is EventKind.REMINDER else self._devices
            return list(self._find_covered(policy, names)) if policy else ()
        was_told = event.content.get("before") in (Standing.CONFIRMED, Standing.QUARANTINED)
        if event.kind is EventKind.CLEARED and not was_told:
            return ()
        group = str(event.content.get("group", ""))
        terms = self._orders.find_terms(event.device, event.app, group, event.time)
        return [event.device] if any(each.phase in _TOLD for each in terms) else ()

    def _find_covered(self, policy: "_Dated", names: Collection[str]) -> Iterator[str]:
        owners = set()
        for name in names:
            device = self._devices.get(name)
            if device and device.mail and device.group not in self._unflagged and policy.covers(device.group):
                owner = _owner(name, device)
                if owner not in owners:
                    owners.add(owner)
                    yield name

    def _find_due(self, policy: "_Dated", now: float) -> Iterator[tuple[str, Event]]:
        schedule, name, deadline = policy.schedule, policy.name, policy.deadline
        phase = schedule.phase_at(now)
        if phase:
            mark = f"phase/{name}/{phase}/{int(schedule.starts[phase])}"
            yield mark, Event(EventKind.PHASE, now, {"policy": name, "phase": phase.value})
        first = min(schedule.starts.values())
        if deadline is None or not policy.apps or not first <= now < deadline:
            return
        content: dict[str, str | list[str]] = {
            "policy": name,
            "deadline": policy.local(deadline).isoformat(),
            "apps": sorted(policy.apps),
        }
        remind_before = self._configuration.notices.remind_before.total_seconds()
        for kind, start in ((EventKind.ANNOUNCEMENT, first), (EventKind.REMINDER, deadline - remind_before)):
            if start <= now:
                yield f"{kind}/{name}/{int(deadline)}/{self._manner()}", Event(kind, now, content)

    def _manner(self) -> str:
        """Return how notices go out: what was only rehearsed is told again in earnest."""
        notices = self._configuration.notices
        return "rehearsed" if notices.dry_run else "mailed" if notices.is_wanted else "not mailed"


class _Dated:
    """One policy with its dates, and the apps that a device can be found to have."""

    def __init__(self, policy: Policy, timezone: str, lists: Sequence[CompiledList]) -> None:
        self.name = policy.name
        self.apps = {app for compiled in lists if compiled.name in policy.blocklists for app in _strong_apps(compiled)}
        self.schedule = Schedule(policy, timezone)
        self._zone = ZoneInfo(policy.timezone or timezone)
        self._groups = policy.groups
        starts, terms = self.schedule.starts, policy.quarantine
        self._withholds = bool(terms.blocklists and not terms.dry_run and Phase.QUARANTINE in starts)
        self.deadline = starts[Phase.QUARANTINE] if self._withholds else starts.get(Phase.ENFORCE)

    def covers(self, group: str) -> bool:
        """Whether the policy is for devices of a group."""
        return not self._groups or group in self._groups

    def local(self, moment: float) -> datetime:
        """Return a moment in the policy's timezone."""
        return datetime.fromtimestamp(moment, self._zone)

    def describe(self, apps: str) -> Order:
        """Return the order as a notice tells it."""
        return Order(apps, self.local(self.deadline) if self.deadline is not None else None, self._withholds)


def find_wanted(configuration: Configuration) -> frozenset[EventKind]:
    """Return the kinds of events that anybody is to be told of."""
    return frozenset(kind for section in configuration.outlets.values() for kind in section.kinds)


def _strong_apps(compiled: CompiledList) -> Iterator[str]:
    """Yield the apps that sightings of a list's names can prove."""
    yield from (rule.app for rule in compiled.rules if rule.grade is Grade.STRONG and not rule.passthru)
    if compiled.blocked and compiled.grade is Grade.STRONG:
        yield compiled.app


def _owner(name: str, device: Device) -> str:
    """Return what an owner is known by; a device without a mail address is alone."""
    return device.mail.casefold() or name


def _find_terms(section: Outlet) -> Terms:
    seconds = section.give_up_after.total_seconds()
    if isinstance(section, Notices):
        return Terms(seconds, False, section.per_hour, section.repeat_after.total_seconds())
    return Terms(seconds)
