"""The standing of a record in words that a person can check against the sightings."""

from collections.abc import Mapping

from dnsfilter.evidence.record import Attribution, Record
from dnsfilter.evidence.standing import Consequence
from dnsfilter.model import Standing

_UNATTRIBUTABLE = {
    Attribution.UNKNOWN: "the address is not that of one known device",
    Attribution.UNFLAGGED: "its group is never flagged",
}


_CONSEQUENCES = {
    Consequence.QUARANTINE: "quarantined under {}",
    Consequence.DRY_RUN: "would be quarantined under {} but for dry_run",
    Consequence.CAPPED: "not quarantined under {}: max_devices is reached",
}


def explain(record: Record, consequences: Mapping[str, Consequence] | None = None, exemption: str = "") -> str:
    """Return one line: the standing, what justifies it, how much was seen on how many days, what follows by policy."""
    line = f"{record.standing}: {_reason(record)}, {_amount(record.strong + record.weak + record.none, record.days)}"
    if record.standing is Standing.EXEMPT and exemption:
        line += f"; {exemption}"
    for policy, consequence in sorted(consequences.items()) if consequences else ():
        line += f"; {_CONSEQUENCES[consequence].format(policy)}"
    return line


def _reason(record: Record) -> str:
    if record.attribution is not Attribution.DEVICE:
        return _UNATTRIBUTABLE[record.attribution]
    if record.proof:
        return f"{' and '.join(record.proof)} within 24 h"
    if record.families:
        names = " and ".join(family for family, _ in record.families)
        return f"{names}, no second family of the app within 24 h"
    if record.strong:
        return "nothing that counts since it was cleared or released"
    return "nothing but what a browser causes" if record.weak else "nothing that proves use"


def _amount(sightings: int, days: int) -> str:
    return f"{sightings} sighting{'' if sightings == 1 else 's'} on {days} day{'' if days == 1 else 's'}"
