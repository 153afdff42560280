"""Parcels: the sightings of one message of a worker or addon, written once, however often the message comes.

A sender numbers its messages and repeats one that was not confirmed. The number of the last one is written in the
transaction of its sightings, so that whoever opens the store later recognises a repetition, too. Knows no sockets.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from dnsfilter.store.database import upsert
from dnsfilter.store.schema import senders
from dnsfilter.store.sightings import Attributed

REMEMBERED_SECONDS = 7 * 24 * 3600.0
"""How long after its last sighting a sender may still repeat it."""


class Parcel(NamedTuple):
    """Sightings under their sender, which is one life of one process, and the number it gave them."""

    sender: str
    number: int
    entries: Sequence[Attributed]


def unpack(parcels: Iterable[Parcel], taken: Mapping[str, int]) -> tuple[list[Attributed], dict[str, int]]:
    """Return the entries that are not stored yet, and the number of the last parcel by sender."""
    entries: list[Attributed] = []
    last: dict[str, int] = {}
    for sender, number, found in parcels:
        if number > last.get(sender, taken.get(sender, 0)):
            last[sender] = number
            entries += found
    return entries, last


def list_taken(connection: Connection) -> dict[str, int]:
    """Return by sender the number of the last parcel that is stored."""
    return {row.sender: row.number for row in connection.execute(select(senders))}


def note_taken(connection: Connection, last: Mapping[str, int], now: float) -> None:
    """Note the numbers of parcels within the transaction that writes their sightings."""
    upsert(connection, senders, [(sender, number, int(now)) for sender, number in sorted(last.items())])


def forget_senders(connection: Connection, now: float) -> None:
    """Forget senders that have been silent for long."""
    connection.execute(delete(senders).where(senders.c.time < int(now - REMEMBERED_SECONDS)))
