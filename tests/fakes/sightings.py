"""Sightings and attributed sightings with everything filled in that a test does not care about."""

from dnsfilter.evidence.record import Attribution
from dnsfilter.model import Channel, Grade, Role, Sighting
from dnsfilter.store.sightings import Attributed

NOON = 1_700_000_000.0 // 86_400 * 86_400 + 43_200
"""Noon of some day, in seconds since the epoch."""


def sighting(
    rule: str = "api*.tiktokv.eu",
    grade: Grade = Grade.STRONG,
    time: float = NOON,
    *,
    app: str = "tiktok",
    count: int = 1,
) -> Sighting:
    """Return a sighting."""
    return Sighting(
        time, "192.0.2.1", app, "tiktok", rule, Role.APP_API, grade, Channel.DNS, "sinkhole", "corporate", count
    )


def attributed(
    seen: Sighting, device: str = "d-1", attribution: Attribution = Attribution.DEVICE, group: str = "corporate"
) -> Attributed:
    """Return a sighting with its device."""
    return Attributed(device, group, attribution, seen)
