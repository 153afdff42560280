"""What has been counted, on disk before anybody is shown it: a killed manager turns no counter back.

Kept are the totals, and how much of them each process has reported that may still report: what it counted since is the
difference to its next batch. Knows no metrics.
"""

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

from dnsfilter.journal import CounterKey
from dnsfilter.process.accounts import Accounts

FILE_NAME = "counters"

_log = logging.getLogger("dnsfilter.manager")


class Ledger:
    """The totals since dnsfilter was started, over all managers."""

    def __init__(self, state: Path, accounts: Accounts) -> None:
        self._path = state / FILE_NAME
        self._accounts = accounts
        self.totals: Counter[CounterKey] = Counter()

    def open(self) -> None:
        """Go on where the last manager ended; what cannot be read is as if there had been none."""
        try:
            kept: dict[str, Any] = json.loads(self._path.read_bytes())
            totals = {tuple(key): float(value) for key, value in kept["totals"]}
            accounts = {
                (str(source), str(instance)): {tuple(key): float(value) for key, value in counters}
                for source, instance, counters in kept["accounts"]
            }
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError) as error:
            _log.error("%s: cannot be read, counters begin at zero: %s", self._path, error)
            return
        self.totals.update(totals)
        self._accounts.restore(accounts)

    def save(self, now: float) -> None:
        """Write everything, by a monotonic clock; a full disk costs only what a kill would then turn back."""
        accounts = [(*key, list(counters.items())) for key, counters in self._accounts.reported(now)]
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps({"totals": list(self.totals.items()), "accounts": accounts}))
            fresh.replace(self._path)
        except OSError:
            fresh.unlink(missing_ok=True)


def discard_counts(state: Path) -> None:
    """Let counters begin at zero, as those who read them expect of a new start."""
    (state / FILE_NAME).unlink(missing_ok=True)
