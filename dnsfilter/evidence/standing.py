"""What follows from the evidence: who is quarantined, exempt or clear again, and who never is.

    clear -> suspected -> confirmed -> quarantined        by sightings (`record`), the last step by a policy
      ^____________________________________|              no evidence for `release_after`, or cleared by a person
    exempt                                                by a person, until a time; then what the evidence says

A device is quarantined under a policy only with two strong families (confirmed), by a device of the inventory in a
group that may be flagged, in the policy's quarantine phase, without `dry_run`, below `max_devices`, and only on
evidence of the last 24 hours: a phase that begins while a device is silent waits for the device to speak. A window that
moves on takes nothing back. While the clock is not to be trusted, or evidence lies in the future, nobody is quarantined
or released. Evidence need not be spread over minutes: two families in one second are what the start of an app looks
like, and a report that arrives twice brings no second family.

Pure: the circumstances and the time are given.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from dnsfilter.evidence.record import WINDOW, Attribution, Record
from dnsfilter.model import Phase, Standing

MINUTE = 60.0
RELEASE_AFTER = 7 * 24 * 3600.0
"""Seconds without evidence after which a device is clear where no policy says otherwise."""

_ACCUSED = (Standing.SUSPECTED, Standing.CONFIRMED, Standing.QUARANTINED)


class Consequence(StrEnum):
    """What a policy does about a device whose use of the app is confirmed."""

    QUARANTINE = "quarantine"
    DRY_RUN = "dry-run"
    CAPPED = "capped"


class Terms(NamedTuple):
    """One policy as it stands now for one device; `release_after` is in seconds."""

    policy: str
    phase: Phase | None
    release_after: float
    dry_run: bool = False
    has_room: bool = True


class Circumstances(NamedTuple):
    """What else counts: a device that may be flagged, a person's decisions (times, 0 for none), a clock to trust."""

    terms: tuple[Terms, ...]
    is_known: bool
    exempt_until: float = 0.0
    cleared: float = 0.0
    is_clock_steady: bool = True


class Judgement(NamedTuple):
    """The record as it stands now, what each policy does about the device, and why its standing changed."""

    record: Record
    consequences: Mapping[str, Consequence]
    reason: str = ""


def judge(record: Record, held: Mapping[str, Consequence], circumstances: Circumstances, now: float) -> Judgement:
    """Return what follows for a device on which policies have the consequences `held`."""
    if record.attribution is not Attribution.DEVICE:
        return Judgement(record, {}, "it may not be flagged as a device")
    is_credible = circumstances.is_clock_steady and max(record.since, record.last_strong) <= now
    record, reason = _decide(record, circumstances, now, is_credible=is_credible)
    if record.standing not in (Standing.CONFIRMED, Standing.QUARANTINED):
        return Judgement(record, {}, reason)
    consequences = _find_consequences(record, held, circumstances, now, is_credible=is_credible)
    holders = sorted(policy for policy, found in consequences.items() if found is Consequence.QUARANTINE)
    if holders and record.standing is Standing.CONFIRMED:
        record, reason = _move(record, Standing.QUARANTINED, now), f"confirmed under {' and '.join(holders)}"
    elif not holders and record.standing is Standing.QUARANTINED:
        record, reason = _move(record, Standing.CONFIRMED, now), "no policy quarantines it any more"
    return Judgement(record, consequences, reason)


def valid_from(cleared: float) -> float:
    """Return from when sightings count again: sightings have the time of their minute, so from the next one."""
    return (cleared // MINUTE + 1) * MINUTE if cleared else 0.0


def _decide(record: Record, circumstances: Circumstances, now: float, *, is_credible: bool) -> tuple[Record, str]:
    """Apply what a person decided, and time: clearance, exemption, release."""
    reason = ""
    if circumstances.cleared and _has_evidence_before(record, valid_from(circumstances.cleared)):
        record, reason = _acquit(record, circumstances.cleared), "cleared"
    if circumstances.exempt_until > now:
        is_new = record.standing is not Standing.EXEMPT
        return (_move(record, Standing.EXEMPT, now), "exempt") if is_new else (record, reason)
    if record.standing is Standing.EXEMPT and is_credible:
        record, reason = _move(record, record.proven, now), "the exemption has ended"
    silence = max((terms.release_after for terms in circumstances.terms), default=RELEASE_AFTER)
    if record.standing in _ACCUSED and is_credible and now - record.last_strong >= silence:
        return _acquit(record, now), "no evidence for long enough"
    return record, reason


def _has_evidence_before(record: Record, moment: float) -> bool:
    is_proven_before = bool(record.proof) and record.since < moment and record.standing is not Standing.EXEMPT
    return is_proven_before or any(seen < moment for _, seen in record.families)


def _acquit(record: Record, moment: float) -> Record:
    """Drop all evidence up to a moment, and the standing that it justified."""
    standing = Standing.EXEMPT if record.standing is Standing.EXEMPT else Standing.CLEAR
    return record._replace(standing=standing, since=moment, families=(), proof=())


def _move(record: Record, standing: Standing, now: float) -> Record:
    return record._replace(standing=standing, since=now)


def _find_consequences(
    record: Record, held: Mapping[str, Consequence], circumstances: Circumstances, now: float, *, is_credible: bool
) -> dict[str, Consequence]:
    found: dict[str, Consequence] = {}
    is_fresh = is_credible and now - record.last_strong <= WINDOW
    for terms in circumstances.terms if circumstances.is_known else ():
        if terms.phase is Phase.QUARANTINE:
            before = held.get(terms.policy)
            is_held = before is Consequence.QUARANTINE and record.standing is Standing.QUARANTINED
            consequence = _find_consequence(terms, before, is_held=is_held, is_fresh=is_fresh)
            if consequence:
                found[terms.policy] = consequence
    return found


def _find_consequence(terms: Terms, before: Consequence | None, *, is_held: bool, is_fresh: bool) -> Consequence | None:
    if terms.dry_run:
        return Consequence.DRY_RUN
    if is_held:
        return Consequence.QUARANTINE
    if not is_fresh:
        return before if before is Consequence.CAPPED else None
    return Consequence.QUARANTINE if terms.has_room else Consequence.CAPPED
