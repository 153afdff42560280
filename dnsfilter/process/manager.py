"""The manager: takes what workers and addon report into metrics and store, and puts reloads into force.

`python -m dnsfilter.process.manager STATE_DIRECTORY [CONFIGURATION_FILE]` runs until SIGTERM; SIGHUP compiles the
configuration anew. The only writer of the store; nothing that resolves or enforces waits for it.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import time
from asyncio import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dnsfilter.admin.exposition import Exposition
from dnsfilter.admin.server import AdminServer
from dnsfilter.channel import Receiver, serve_channel
from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable
from dnsfilter.config import Configuration
from dnsfilter.defects import describe
from dnsfilter.errors import DnsfilterError, ProcessError, SnapshotError
from dnsfilter.feeds.clients import read_clients
from dnsfilter.feeds.snapshot import FILE_NAME, Snapshot, publish_snapshot, read_snapshot
from dnsfilter.feeds.watch import Watch
from dnsfilter.journal import Batch, CounterKey
from dnsfilter.metrics import NO_GROUP, RESOLVER
from dnsfilter.model import EventKind
from dnsfilter.process import chronicle
from dnsfilter.process.accounts import Accounts
from dnsfilter.process.attribution import Attributor
from dnsfilter.process.bypasses import Bypasses
from dnsfilter.process.devices import DeviceFeed
from dnsfilter.process.gauges import Gauges
from dnsfilter.process.ledger import Ledger
from dnsfilter.process.outgoing import Outgoing
from dnsfilter.process.proxy_metrics import ProxyMetrics
from dnsfilter.process.publisher import find_sources
from dnsfilter.process.quarantine import Quarantine
from dnsfilter.process.selftest import Selftest
from dnsfilter.process.sources import Sources
from dnsfilter.process.subscriptions import Subscriptions
from dnsfilter.store.audit import current_actor
from dnsfilter.store.court import Court, Quarantined
from dnsfilter.store.parcels import Parcel
from dnsfilter.store.pseudonyms import Pseudonyms, load_key
from dnsfilter.store.writer import Report, Writer

CLIENTS_SECONDS = 2.0
LISTS_SECONDS = 1.0
FLUSH_SECONDS = 5.0
GC_THRESHOLDS = (100_000, 20, 20)
"""Batches are many objects without cycles: looking for cycles among them seldom is enough."""

GARBAGE_SECONDS = 10.0
"""After how many seconds what is young is looked at all the same: where little happens, cycles would be megabytes."""

_log = logging.getLogger("dnsfilter.manager")


class Manager:
    """One process that gathers and reports."""

    def __init__(self, state: Path, configuration_file: str | None) -> None:
        self._state = state
        self._configuration_file = configuration_file
        self._snapshot = read_snapshot(state)
        configuration = self._snapshot.configuration
        self._pseudonyms = Pseudonyms(load_key(Path(configuration.privacy.pseudonym_key)))
        self._accounts = Accounts()
        self._exposition = Exposition(RESOLVER)
        self._gauges = Gauges(self._exposition, self._accounts)
        self._proxy_metrics = ProxyMetrics(self._accounts)
        self._ledger = Ledger(state, self._accounts)
        self._outgoing = Outgoing(state, self._pseudonyms, self._count_outgoing)
        self._bypasses = Bypasses(self._count_bypass, self._outgoing.clerk.post)
        self._subscriptions = Subscriptions(state, self._on_list_refused, self._on_list_fetched)
        court = Court(self._on_ruling, self._outgoing.clerk.tell)
        self._quarantine = Quarantine(state, self._pseudonyms, court)
        self._quarantined: Quarantined | None = None
        self._writer = Writer(configuration.store.url, self._on_report, court, self._outgoing.clerk)
        self._selftest = Selftest(configuration, self._gauges.show_selftest)
        self._admin = AdminServer(self._render, self._find_obstacle)
        self._sources = Sources(self._find_sources(configuration), self._snapshot.created)
        self._changed: set[Path] = set()
        self._renewed = asyncio.Event()
        self._reload = asyncio.Event()
        self._ending = asyncio.Event()
        self._ruled = asyncio.Event()

    async def run(self) -> int:
        """Work until told to end, then write what is still waiting; return the exit status."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._ending.set)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one that came while we started is not lost
        self._adopt(self._snapshot)
        self._ledger.open()
        for key, total in self._ledger.totals.items():
            self._exposition.add(key, total)
            self._proxy_metrics.add(key, total)
        self._gauges.reload(is_successful=True, at=self._snapshot.created)
        await self._admin.start(self._snapshot.configuration.listen.metrics)
        await self._proxy_metrics.start(self._snapshot)
        self._writer.start()
        try:
            receiver = await serve_channel(self._state, self._on_batch)
        except OSError as error:
            raise ProcessError(f"{self._state}: cannot listen for the workers: {error.strerror}") from None
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        work = [
            self._ending.wait(),
            self._keep_clients(),
            self._keep_lists(),
            self._keep_snapshot(),
            self._keep_sources(),
            self._keep_chronicle(),
            self._reload_on_demand(),
            _collect_garbage(),
            self._selftest.run(lambda: not self._find_obstacle()),
        ]
        tasks = [self._loop.create_task(coroutine) for coroutine in work]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return await self._end(receiver, tasks)

    async def _end(self, receiver: Receiver, tasks: list[asyncio.Task[Any]]) -> int:
        """End in order; the status is 1 when it was not asked for, so that the supervisor starts another manager."""
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        for failure in failures:
            _log.error("ends unexpectedly: %s", describe(failure))
        await receiver.close()
        await self._outgoing.close()
        await self._admin.stop()
        await self._proxy_metrics.stop()
        self._sources.close()
        self._ledger.save(time.monotonic())
        await asyncio.to_thread(self._writer.stop, FLUSH_SECONDS)
        return 1 if failures else 0

    def _adopt(self, snapshot: Snapshot) -> None:
        """Put a snapshot in force."""
        configuration = snapshot.configuration
        self._warn_of_restart(snapshot)
        self._snapshot = snapshot
        self._gauges.adopt(snapshot)
        self._proxy_metrics.adopt(snapshot)
        self._bypasses.adopt(snapshot)
        self._outgoing.adopt(snapshot)
        self._subscriptions.adopt(configuration)
        self._selftest.adopt(configuration)
        self._sources.adopt(self._find_sources(configuration))
        sample = configuration.sample
        self._writer.limit(
            configuration.store.retention.total_seconds(),
            configuration.privacy.device_series,
            sample.retention.total_seconds() if sample.enabled else 0.0,
        )
        self._feed = DeviceFeed(configuration, self._state)
        self._adopt_clients()

    def _adopt_clients(self) -> None:
        configuration = self._snapshot.configuration
        try:
            table = read_clients(self._state)
        except SnapshotError as error:
            _log.error("%s; no device is known", error)
            table = ClientTable()
        unflagged = {group.name for group in configuration.groups if not group.flag}
        self._groups = [*(group.name for group in configuration.groups), NO_GROUP]
        self._attributor = Attributor(Directory(configuration.groups, table), unflagged, self._pseudonyms)

    def _warn_of_restart(self, snapshot: Snapshot) -> None:
        old, new = self._snapshot.configuration, snapshot.configuration
        for name, is_other in (
            ("user", (old.user, old.group) != (new.user, new.group)),
            ("listen.metrics", old.listen.metrics != new.listen.metrics),
            ("proxy.metrics", old.proxy.metrics != new.proxy.metrics),
            ("store.url", old.store.url != new.store.url),
            ("privacy.pseudonym_key", old.privacy.pseudonym_key != new.privacy.pseudonym_key),
        ):
            if is_other:
                _log.warning("%s has changed, which takes effect at the next start", name)

    def _on_batch(self, batch: Batch) -> None:
        if self._accounts.is_settled(batch):
            return
        for key, growth in self._accounts.settle(batch, time.monotonic()):
            self._count(key, growth)
        self._bypasses.attend(batch, time.monotonic())
        self._writer.put_names(batch.names)
        if batch.sightings:
            entries = [self._attributor.attribute(sighting) for sighting in batch.sightings]
            entries += self._bypasses.follow(entries)
            self._writer.put(Parcel(f"{batch.source} {batch.instance}", batch.number, entries))

    def _count(self, key: CounterKey, by: float) -> None:
        self._ledger.totals[key] += by  # type: ignore[assignment]
        self._exposition.add(key, by)
        self._proxy_metrics.add(key, by)

    def _on_report(self, report: Report) -> None:
        """Take the store's report from the writer's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
            self._loop.call_soon_threadsafe(self._gauges.show, report)

    def _on_ruling(self, quarantined: Quarantined) -> None:
        """Take what the court says from the writer's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
            self._loop.call_soon_threadsafe(self._take_ruling, quarantined)

    def _take_ruling(self, quarantined: Quarantined) -> None:
        self._quarantined = quarantined
        self._ruled.set()

    def _count_bypass(self, kind: str, group: str, number: int) -> None:
        self._count(("bypass", kind, group), number)

    def _count_outgoing(self, outlet: str, fate: str, number: int) -> None:
        self._exposition.add(("outbox_messages", outlet, fate), number)

    def _on_list_refused(self, blocklist: str, reason: str) -> None:
        self._outgoing.post(EventKind.LIST_REFUSED, blocklist=blocklist, reason=reason)

    def _on_list_fetched(self, blocklist: str, is_successful: bool) -> None:  # noqa: FBT001 - a callback
        self._gauges.show_fetched(blocklist, is_successful=is_successful)

    def _render(self, accept: str) -> tuple[bytes, str]:
        self._gauges.refresh()
        absent = self._bypasses.count_absent(self._attributor, time.monotonic(), time.time())
        for group in self._groups:
            self._exposition.set("absent_clients", group, to=absent[group])
        self._count(("journal_dropped",), self._writer.take_dropped())
        self._ledger.save(time.monotonic())
        return self._exposition.render(accept)

    def _find_obstacle(self) -> str:
        return "" if self._accounts.count_workers(time.monotonic()) else "no worker has reported lately"

    async def _keep_clients(self) -> None:
        """Publish clients anew when inventory or leases have changed, or somebody else is quarantined."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ruled.wait(), CLIENTS_SECONDS)
            self._ruled.clear()
            if await asyncio.to_thread(self._refresh_clients, self._feed, self._snapshot, self._quarantined):
                self._adopt_clients()

    def _refresh_clients(self, feed: DeviceFeed, snapshot: Snapshot, quarantined: Quarantined | None) -> bool:
        is_other = feed.refresh(time.time())
        self._quarantine.follow(snapshot, feed.devices)
        self._outgoing.follow(snapshot, feed.devices)
        return (quarantined is not None and self._quarantine.publish(quarantined)) or is_other

    async def _keep_snapshot(self) -> None:
        """Put the snapshot in force on disk again when it is damaged there: a worker that starts needs it whole."""
        watch = Watch(self._state / FILE_NAME)
        while True:
            await asyncio.sleep(LISTS_SECONDS)
            if watch.changed():
                await asyncio.to_thread(self._mend_snapshot)

    def _mend_snapshot(self) -> None:
        try:
            read_snapshot(self._state)
        except SnapshotError as error:
            _log.error("%s; generation %d is published again", error, self._snapshot.generation)
            with contextlib.suppress(SnapshotError):  # whoever damaged it may still be at it; the next change tells
                publish_snapshot(self._snapshot, self._state)

    async def _keep_sources(self) -> None:
        """Reload when somebody, a download too, has written the configuration or a list."""
        while True:
            for path in sorted(await self._sources.wait()):
                _log.info("%s has changed", path)
                self._changed.add(path)
                self._reload.set()

    async def _keep_chronicle(self) -> None:
        """Tell the audit what came into force: at the start by who started it, later by reloads."""
        actor = current_actor()
        while True:
            files, self._changed = self._changed, set()
            await asyncio.to_thread(chronicle.note, self._snapshot, actor, files)
            await self._renewed.wait()
            self._renewed.clear()
            actor = chronicle.RELOAD

    def _find_sources(self, configuration: Configuration) -> list[Path]:
        file = self._configuration_file
        return find_sources(configuration, Path(file) if file else None)

    async def _keep_lists(self) -> None:
        """Fetch subscriptions when they are due."""
        while True:
            await self._subscriptions.refresh(time.monotonic())
            await asyncio.sleep(LISTS_SECONDS)

    async def _reload_on_demand(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            self._sources.skip()
            is_successful, refused = await self._publish()
            self._gauges.reload(is_successful=is_successful, at=time.time(), refused=refused)

    async def _publish(self) -> tuple[bool, Sequence[str]]:
        """Let a child compile the configuration; whether a new generation is in force, and the lists that forbid it."""
        arguments = [self._configuration_file] if self._configuration_file else []
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "dnsfilter.process.publisher"),
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            output, errors = await child.communicate()
        except asyncio.CancelledError:
            child.kill()
            await child.wait()
            raise
        first, *others = errors.decode(errors="replace").splitlines() or [""]
        more = f" (and {len(others)} more)" if others else ""
        if child.returncode:
            self._refuse(first + more)
            return False, _report_lists(output.decode(errors="replace"))
        if first:
            _log.warning("%s%s", first, more)
        try:
            self._adopt(await asyncio.to_thread(read_snapshot, self._state))
        except SnapshotError as error:
            self._refuse(str(error))
            return False, ()
        self._renewed.set()
        _log.info("generation %d is in force", self._snapshot.generation)
        return True, ()

    def _refuse(self, reason: str) -> None:
        """Say that the last generation stays in force, and why."""
        _log.error("reload refused, generation %d stays: %s", self._snapshot.generation, reason)
        self._outgoing.post(EventKind.RELOAD_FAILED, reason=reason)


def _report_lists(output: str) -> list[str]:
    """Log which lists a publisher refused, and why; return their names."""
    refused = [line.partition("\t") for line in output.splitlines()]
    for name, _, reason in refused:
        _log.error("blocklist %s refused: %s", name, reason)
    return [name for name, _, _ in refused]


def main() -> int:
    """Run the manager; return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    state, *rest = sys.argv[1:]
    try:
        return asyncio.run(_run(Path(state), rest[0] if rest else None))
    except DnsfilterError as error:
        _log.error("%s", error)
        return 2


async def _collect_garbage() -> None:
    while True:
        await asyncio.sleep(GARBAGE_SECONDS)
        gc.collect(0)


async def _run(state: Path, configuration_file: str | None) -> int:
    return await Manager(state, configuration_file).run()


if __name__ == "__main__":
    sys.exit(main())
