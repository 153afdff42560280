"""What each process has reported so far: turns cumulative counters into what is new, and gauges into one value.

A lost batch loses no count, because the next one holds it too; what an ended process has counted stays counted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from dnsfilter.journal import Batch, CounterKey

ALIVE_SECONDS = 3.0
FORGOTTEN_SECONDS = 60.0
"""A process that was silent for longer is gone for good."""

MAX_ACCOUNTS = 256
WORKER = "worker-"
PROXY = "proxy-"


@dataclass(slots=True)
class _Account:
    heard: float
    counters: dict[CounterKey, float] = field(default_factory=dict)
    gauges: dict[CounterKey, float] = field(default_factory=dict)
    number: int = 0


class Accounts:
    """The accounts of all processes; `now` is a monotonic clock."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], _Account] = {}

    def is_settled(self, batch: Batch) -> bool:
        """Whether this very batch has come before: its sender did not see that it was taken."""
        account = self._accounts.get((batch.source, batch.instance))
        return account is not None and batch.number <= account.number

    def settle(self, batch: Batch, now: float) -> Iterator[tuple[CounterKey, float]]:
        """Yield by how much each counter has grown since this process last reported it."""
        key = batch.source, batch.instance
        account = self._accounts.pop(key, None) or _Account(now)
        self._accounts[key] = account
        while len(self._accounts) > MAX_ACCOUNTS:
            del self._accounts[next(iter(self._accounts))]
        account.heard, account.number = now, batch.number
        account.gauges.update(batch.gauges)
        for counter, value in batch.counters.items():
            growth = value - account.counters.get(counter, 0.0)
            if growth > 0:
                account.counters[counter] = value
                yield counter, growth

    def reported(self, now: float) -> Iterator[tuple[tuple[str, str], dict[CounterKey, float]]]:
        """Yield what each process that may still report has reported."""
        for key, account in self._accounts.items():
            if now - account.heard < FORGOTTEN_SECONDS:
                yield key, account.counters

    def restore(self, reported: Mapping[tuple[str, str], dict[CounterKey, float]]) -> None:
        """Take what another manager was told as told; nobody is alive before it reports."""
        for key, counters in reported.items():
            self._accounts[key] = _Account(float("-inf"), counters)

    def count_workers(self, now: float) -> int:
        """Return how many workers have reported lately."""
        return self.count_alive(WORKER, now)

    def count_alive(self, kind: str, now: float) -> int:
        """Return how many processes of a kind have reported lately."""
        return len({source for (source, _), _ in self._live(now) if source.startswith(kind)})

    def combine(self, name: str, now: float, how: Callable[[Iterable[float]], float]) -> dict[tuple[str, ...], float]:
        """Return a gauge by its labels, combined over the processes that have reported it lately."""
        values: dict[tuple[str, ...], list[float]] = {}
        for _, account in self._live(now):
            for key, value in account.gauges.items():
                if key[0] == name:
                    values.setdefault(key[1:], []).append(value)
        return {labels: how(found) for labels, found in values.items()}

    def _live(self, now: float) -> Iterator[tuple[tuple[str, str], _Account]]:
        return ((key, account) for key, account in self._accounts.items() if now - account.heard < ALIVE_SECONDS)
