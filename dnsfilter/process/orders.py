"""What the policies in force say of a device: which of them are about an app and cover it, and in which phase they are.

Knows devices by their pseudonyms. Changes with the snapshot and the inventory, never by itself: a new one is made.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from dnsfilter.config import Configuration
from dnsfilter.evidence.standing import Terms
from dnsfilter.model import CompiledList
from dnsfilter.policy.phases import Schedule, earliest
from dnsfilter.settings.order import Policy


class PolicyOrders:
    """The policies of one configuration for the devices of one inventory, `groups` by pseudonym ("" for by network)."""

    def __init__(self, configuration: Configuration, lists: Sequence[CompiledList], groups: Mapping[str, str]) -> None:
        self._groups = groups
        self._unflagged = {group.name for group in configuration.groups if not group.flag}
        self._schedules = {policy.name: Schedule(policy, configuration.timezone) for policy in configuration.policies}
        self._limits = {policy.name: policy.quarantine.max_devices for policy in configuration.policies}
        self._policies: dict[str, list[Policy]] = defaultdict(list)
        for policy in configuration.policies:
            for app in _apps(policy, lists):
                self._policies[app].append(policy)

    def find_terms(self, device: str, app: str, group: str, now: float) -> tuple[Terms, ...]:
        """Return the policies about this app that cover the device, which was seen in this group."""
        group = self._groups.get(device) or group
        return tuple(
            Terms(
                policy.name,
                self._schedules[policy.name].phase_at(now),
                policy.quarantine.release_after.total_seconds(),
                policy.quarantine.dry_run,
            )
            for policy in self._policies.get(app, ())
            if not policy.groups or group in policy.groups
        )

    def is_known(self, device: str, group: str) -> bool:
        """Whether it is a device of the inventory, in a group that may be flagged."""
        return device in self._groups and (self._groups[device] or group) not in self._unflagged

    def max_devices(self, policy: str) -> int:
        """Return how many devices a policy may quarantine."""
        return self._limits.get(policy, 0)

    def next_change(self, now: float) -> float | None:
        """Return when the next phase of any policy begins."""
        starts = (schedule.next_start(now) for schedule in self._schedules.values())
        return earliest(start for start in starts if start is not None)


def _apps(policy: Policy, lists: Sequence[CompiledList]) -> Collection[str]:
    chosen = [compiled for compiled in lists if compiled.name in policy.blocklists]
    rules = {rule.app for compiled in chosen for rule in compiled.rules if not rule.passthru}
    return rules | {compiled.app for compiled in chosen}
