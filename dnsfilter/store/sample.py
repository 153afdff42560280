"""The sample of names that were resolved, by day: written, read as a whole, forgotten. Knows no device."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, inspect, select

from dnsfilter.sample import DAY, TOTAL, SampledNames
from dnsfilter.store.database import upsert
from dnsfilter.store.schema import sampled_names

NameCounts = Mapping[tuple[int, str], int]
"""How often by day, counted since the epoch, and name."""


def record_names(connection: Connection, counts: NameCounts) -> None:
    """Add to the counts within the connection's transaction."""
    upsert(connection, sampled_names, [(*key, count) for key, count in sorted(counts.items())], add="count")


def forget_names(connection: Connection, before: float) -> None:
    """Forget the days that began before a time, in seconds since the epoch."""
    connection.execute(delete(sampled_names).where(sampled_names.c.day * DAY < int(before)))


def read_sample(connection: Connection) -> SampledNames:
    """Return what is kept; nothing where the store is older than samples."""
    if not inspect(connection).has_table(sampled_names.name):
        return SampledNames(0, {}, 0)
    statement = select(sampled_names.c.name, func.sum(sampled_names.c.count)).group_by(sampled_names.c.name)
    names = {name: int(count) for name, count in connection.execute(statement)}
    days = connection.scalar(select(func.count(sampled_names.c.day.distinct())))
    return SampledNames(names.pop(TOTAL, 0), names, days or 0)
