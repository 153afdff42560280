"""The standing of a record in words that a person can check against the sightings."""

from dnsfilter.evidence.record import Attribution, Record
from dnsfilter.model import Standing

_UNATTRIBUTABLE = {
    Attribution.UNKNOWN: "the address is not that of one known device",
    Attribution.UNFLAGGED: "its group is never flagged",
}


def explain(record: Record) -> str:
    """Return one line: the standing, what justifies it, how much was seen on how many days."""
    return f"{record.standing}: {_reason(record)}, {_amount(record)}"


def _reason(record: Record) -> str:
    match record.standing:
        case Standing.CONFIRMED:
            return f"{' and '.join(record.proof)} within 24 h"
        case Standing.SUSPECTED:
            names = " and ".join(family for family, _ in record.families)
            return f"{names}, no second family of the app within 24 h"
        case Standing.UNATTRIBUTABLE:
            return _UNATTRIBUTABLE[record.attribution]
    return "nothing but what a browser causes" if record.weak else "nothing that proves use"


def _amount(record: Record) -> str:
    return f"{_plural(record.sightings, 'sighting')} on {_plural(record.days, 'day')}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
