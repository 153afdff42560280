"""The gauges that follow from the snapshot in force, from what processes report, and from the store."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from dnsfilter.admin.exposition import Exposition
from dnsfilter.config import Configuration
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.metrics import Labels, resolver_children
from dnsfilter.model import Phase
from dnsfilter.policy.engine import Engine
from dnsfilter.process.accounts import Accounts
from dnsfilter.process.fingerprint import find_fingerprint
from dnsfilter.process.selftest import find_paths
from dnsfilter.store.writer import Report


class Gauges:
    """Keeps the gauges of an exposition true."""

    def __init__(self, exposition: Exposition, accounts: Accounts) -> None:
        self._exposition = exposition
        self._accounts = accounts
        self._report = Report({}, [])
        self._refused: set[str] = set()
        self._not_fetched: set[str] = set()

    def adopt(self, snapshot: Snapshot) -> None:
        """Show what a snapshot that just came into force says."""
        children = resolver_children(snapshot.configuration, snapshot.lists)
        self._device_children = children["devices"]
        self._snapshot = snapshot
        self._engine = Engine(snapshot.configuration, snapshot.lists)
        self._exposition.create(children)
        self._exposition.replace(
            "blocklist_entries", {(compiled.name,): float(compiled.entries) for compiled in snapshot.lists}
        )
        self._show_lists()
        self._exposition.replace(
            "policy_deadline_timestamp_seconds",
            {
                (policy.name, phase): start
                for policy in snapshot.configuration.policies
                for phase, start in self._engine.starts(policy.name).items()
            },
        )
        self._exposition.create({"selftest_successful": [(path,) for path in find_paths(snapshot.configuration)]})
        self._exposition.set("snapshot_fingerprint", to=find_fingerprint(snapshot))
        self._exposition.set("pseudonym_key_timestamp_seconds", to=_find_key_time(snapshot.configuration))
        self.show(self._report)

    def show(self, report: Report) -> None:
        """Show what the store says of devices."""
        self._report = report
        counts = dict.fromkeys((tuple(map(str, labels)) for labels in self._device_children), 0.0)
        self._exposition.replace("devices", counts | report.standings)
        self._exposition.replace("device_standing_info", dict.fromkeys(report.flagged, 1.0))
        policies = self._snapshot.configuration.policies
        self._exposition.replace(
            "quarantine_capped", {(policy.name,): float(policy.name in report.capped) for policy in policies}
        )
        self._exposition.replace(
            "outbox_waiting",
            {(name,): float(report.waiting.get(name, 0)) for name in self._snapshot.configuration.outlets},
        )
        self._exposition.set("retention_last_run_timestamp_seconds", to=report.swept)

    def show_selftest(self, results: Mapping[str, bool]) -> None:
        """Show how the self-test ended on each path."""
        self._exposition.replace("selftest_successful", {(path,): float(each) for path, each in results.items()})

    def reload(self, *, is_successful: bool, at: float, refused: Iterable[str] = ()) -> None:
        """Show how a reload ended, and which lists it refused; the time is that of the last one that took effect.

        A list that was refused stays so until a reload takes effect: until then what is in force is older.
        """
        self._exposition.set("last_reload_successful", to=float(is_successful))
        self._refused.update(refused)
        if is_successful:
            self._refused.clear()
            self._exposition.set("last_reload_timestamp_seconds", to=at)
        self._show_lists()

    def show_fetched(self, blocklist: str, *, is_successful: bool) -> None:
        """Show how fetching a subscription ended."""
        (self._not_fetched.discard if is_successful else self._not_fetched.add)(blocklist)
        self._show_lists()

    def _show_lists(self) -> None:
        configured = {compiled.name for compiled in self._snapshot.lists}
        behind = self._refused | self._not_fetched & configured
        self._exposition.replace(
            "blocklist_last_load_successful", {(name,): float(name not in behind) for name in configured | behind}
        )

    def refresh(self) -> None:
        """Show what changes with time."""
        today, now, exposition, accounts = time.time(), time.monotonic(), self._exposition, self._accounts
        exposition.replace("policy_phase", self._phases(today))
        exposition.replace("blocklist_age_seconds", self._ages(today))
        exposition.set("workers_alive", to=accounts.count_workers(now))
        exposition.replace("upstream_up", accounts.combine("upstream_up", now, max))
        for name, how in (
            ("cache_entries", sum),
            ("cache_bytes", sum),
            ("connections", sum),
            ("snapshot_generation", min),
        ):
            exposition.set(name, to=accounts.combine(name, now, how).get((), 0.0))

    def _ages(self, today: float) -> dict[Labels, float]:
        return {(compiled.name,): max(0.0, today - compiled.changed) for compiled in self._snapshot.lists}

    def _phases(self, today: float) -> dict[Labels, float]:
        return {
            (policy.name, phase): float(phase is self._engine.phase_at(policy.name, today))
            for policy in self._snapshot.configuration.policies
            for phase in Phase
        }


def _find_key_time(configuration: Configuration) -> float:
    try:
        return Path(configuration.privacy.pseudonym_key).stat().st_mtime
    except OSError:  # being replaced, or without us being allowed to look at it any more
        return 0.0
