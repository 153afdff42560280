"""Everything that goes out of the manager: joins the outbox, the plan and the outlets.

The store's thread hands out messages, the event loop delivers them; neither waits for the other.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from pathlib import Path

from dnsfilter.delivery.lines import FileLines, StandardOutput
from dnsfilter.delivery.mail import Mail
from dnsfilter.delivery.outlet import Outlet
from dnsfilter.delivery.rehearsal import DIRECTORY, Rehearsal
from dnsfilter.delivery.stream import Syslog
from dnsfilter.delivery.webhook import Hook
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.model import Device, Event, EventKind
from dnsfilter.outgoing import notice
from dnsfilter.outgoing.message import Message
from dnsfilter.outgoing.payload import write_body
from dnsfilter.process.dispatcher import Dispatcher
from dnsfilter.process.plan import OutgoingPlan, find_wanted
from dnsfilter.settings.notification import EventOutput, Notices, Webhook
from dnsfilter.settings.notification import Outlet as Section
from dnsfilter.store.audit import HEADS_FILE
from dnsfilter.store.clerk import Clerk
from dnsfilter.store.pseudonyms import Pseudonyms

NO_OUTLET = "none"
"""The label value of what belongs to no outlet."""


class Outgoing:
    """What goes out; `count` adds to the counter of an outlet's fate, on the event loop."""

    def __init__(self, state: Path, pseudonyms: Pseudonyms, count: Callable[[str, str, int], None]) -> None:
        self._state, self._pseudonyms, self._count = state, pseudonyms, count
        self.clerk = Clerk(state / HEADS_FILE, self._on_due, self._on_fate)
        self._dispatcher = Dispatcher(self.clerk.settle)
        self._plan: OutgoingPlan | None = None
        self._snapshot: Snapshot | None = None
        self._devices: Sequence[Device] | None = None

    def adopt(self, snapshot: Snapshot) -> None:
        """Serve the outlets of a snapshot that just came into force."""
        self._loop = asyncio.get_running_loop()
        sections = snapshot.configuration.outlets
        self.clerk.want(find_wanted(snapshot.configuration))
        self._dispatcher.adopt(sections, lambda name: self._make(name, sections[name]))

    def follow(self, snapshot: Snapshot, devices: Sequence[Device] | None) -> None:
        """Decide by a snapshot and an inventory; without an inventory that could be read, not yet. Any thread."""
        if devices is None or (snapshot is self._snapshot and devices == self._devices):
            return
        self._snapshot, self._devices = snapshot, devices
        known = {self._pseudonyms.of_device(device.id): device for device in devices}
        self._plan = OutgoingPlan(snapshot.configuration, snapshot.lists, known)
        self.clerk.follow(self._plan)

    def post(self, kind: EventKind, **content: str) -> None:
        """Tell of something that is in no store."""
        self.clerk.post(Event(kind, time.time(), content))

    async def close(self) -> None:
        """End all outlets."""
        await self._dispatcher.close()

    def _on_due(self, messages: Sequence[Message]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
            self._loop.call_soon_threadsafe(self._dispatcher.take, messages)

    def _on_fate(self, outlet: str, fate: str, number: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
            self._loop.call_soon_threadsafe(self._count, outlet or NO_OUTLET, fate, number)

    def _make(self, name: str, section: Section) -> Outlet:
        directory = self._state / DIRECTORY / name
        if isinstance(section, Notices):
            sender = notice.Sender(section.sender, section.contact)
            language = section.language
            if section.dry_run:
                return Rehearsal(directory, "eml", lambda message: bytes(self._compose(message, sender, language)))
            return Mail(section, lambda message: self._compose(message, sender, language))
        if isinstance(section, Webhook):
            if section.dry_run:
                return Rehearsal(directory, "json", self._render)
            return Hook(section, self._identify)
        return _make_output(section)

    def _compose(self, message: Message, sender: notice.Sender, language: str) -> EmailMessage:
        plan = self._plan
        assert plan
        return notice.compose(message, plan.find_recipient(message), plan.find_order(message), sender, language)

    def _render(self, message: Message) -> bytes:
        return write_body(message.event, self._identify(message))

    def _identify(self, message: Message) -> str:
        return self._plan.find_identity(message) if self._plan else ""


def _make_output(section: EventOutput) -> Outlet:
    if section.to.scheme == "stdout":
        return StandardOutput()
    return FileLines(section.to.path) if section.to.scheme == "file" else Syslog(section.to, section.ca)
