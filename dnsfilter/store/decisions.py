"""What people decided about devices: exemptions and clearances, written by commands and obeyed by the manager.

Written within the caller's transaction, which also holds the entry of the audit.
"""

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from dnsfilter.store.database import upsert
from dnsfilter.store.schema import clearances, exemptions

Token = tuple[int, ...]


class Exempted(NamedTuple):
    """An exemption of one device; times in seconds since the epoch."""

    device: str
    until: float
    reason: str
    ticket: str
    approver: str
    time: float


def exempt(connection: Connection, exemption: Exempted) -> None:
    """Exempt a device; what was decided about it before gives way."""
    device, until, reason, ticket, approver, time = exemption
    upsert(connection, exemptions, [(device, int(until), reason, ticket, approver, int(time))])


def clear(connection: Connection, device: str, time: float) -> None:
    """Clear a device: nothing that was seen until `time` is evidence against it."""
    upsert(connection, clearances, [(device, int(time))])


def list_exemptions(connection: Connection) -> dict[str, Exempted]:
    """Return all exemptions by device, ended ones too."""
    return {row.device: Exempted(*tuple(row)) for row in connection.execute(select(exemptions))}


def list_clearances(connection: Connection) -> dict[str, float]:
    """Return when each device was cleared the last time."""
    return {row.device: row.time for row in connection.execute(select(clearances))}


def read_token(connection: Connection) -> Token:
    """Return something that is another whenever somebody has decided something."""
    columns = exemptions.c.time, exemptions.c.until, clearances.c.time
    return tuple(
        int(connection.execute(select(func.count() + func.coalesce(func.sum(column), 0))).scalar_one())
        for column in columns
    )


def forget_decisions(connection: Connection, before: float) -> None:
    """Delete exemptions that ended, and clearances that were given, before a time."""
    connection.execute(delete(exemptions).where(exemptions.c.until < int(before)))
    connection.execute(delete(clearances).where(clearances.c.time < int(before)))
