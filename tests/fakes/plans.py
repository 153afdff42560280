"""A plan without configuration: outlets and devices that a test changes as it likes."""

from collections.abc import Collection
from dataclasses import dataclass, field

from dnsfilter.model import Event
from dnsfilter.store.filing import Terms
from dnsfilter.store.outbox import Destination

DAY = 86_400.0


@dataclass
class SimplePlan:
    """Everything goes to `hook`; to `mail` once for each device of the owner's that the event is about."""

    terms: dict[str, Terms] = field(default_factory=lambda: {"hook": Terms(DAY)})
    identifies: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=lambda: {"d-1": "ann", "d-2": "ann", "d-3": "bob"})
    due: list[tuple[str, Event]] = field(default_factory=list)
    accused: list[Collection[str]] = field(default_factory=list)

    def distribute(self, event: Event, accused: Collection[str]) -> list[Destination]:
        """Return one destination for each outlet."""
        self.accused.append(accused)
        return [Destination(name, event.device) for name in self.terms]

    def find_siblings(self, device: str) -> Collection[str]:
        """Return all devices of the same owner."""
        owner = self.owners.get(device)
        return [name for name, other in self.owners.items() if other == owner] if owner else ()

    def find_due(self, now: float) -> list[tuple[str, Event]]:  # noqa: ARG002 - it is what the test says
        """Return what the test has set."""
        return self.due
