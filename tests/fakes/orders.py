"""Orders without configuration: one policy about every app that covers every device."""

from dataclasses import dataclass, field

from dnsfilter.evidence.standing import RELEASE_AFTER, Terms
from dnsfilter.model import Phase


@dataclass
class OneOrder:
    """A policy that a test changes as it likes."""

    phase: Phase | None = Phase.QUARANTINE
    dry_run: bool = False
    limit: int = 50
    unknown: set[str] = field(default_factory=set)
    change: float | None = None

    def find_terms(self, device: str, app: str, group: str, now: float) -> tuple[Terms, ...]:  # noqa: ARG002 - all alike
        """Return the one policy."""
        return (Terms("order", self.phase, RELEASE_AFTER, self.dry_run),)

    def is_known(self, device: str, group: str) -> bool:  # noqa: ARG002 - all alike
        """Whether the test has not made the device unknown."""
        return device not in self.unknown

    def max_devices(self, policy: str) -> int:  # noqa: ARG002 - there is one
        """Return the limit."""
        return self.limit

    def next_change(self, now: float) -> float | None:  # noqa: ARG002 - it is what the test says
        """Return the time that the test has set."""
        return self.change
