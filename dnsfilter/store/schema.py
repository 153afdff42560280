"""The tables of the store: what is kept, and nothing else is.

A device is a pseudonym; there is no column for an address, a name or an owner. Times are seconds, minutes are whole
minutes since the epoch.
"""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text

VERSION = 1

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

devices = Table(
    "devices",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("app", String(64), primary_key=True),
    Column("group", String(64), nullable=False),
    Column("attribution", String(16), nullable=False),
    Column("standing", String(16), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("strong", BigInteger, nullable=False),
    Column("weak", BigInteger, nullable=False),
    Column("none", BigInteger, nullable=False),
    Column("days", Integer, nullable=False),
    Column("families", Text, nullable=False),
    Column("proof", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""One row per device and app: its evidence and standing, the fold of its sightings."""

signals = Table(
    "signals",
    metadata,
    Column("signal", BigInteger, primary_key=True, autoincrement=False),
    Column("app", String(64), nullable=False),
    Column("blocklist", String(64), nullable=False),
    Column("rule", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("grade", String(16), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("action", String(16), nullable=False),
    Column("group", String(64), nullable=False),
)
"""What a sighting can be, without device and time: a few thousand rows that sightings refer to."""

sightings = Table(
    "sightings",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("minute", Integer, primary_key=True, autoincrement=False),
    Column("signal", BigInteger, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How often a device was seen doing something within a minute."""

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("details", Text, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""What people did to devices or learned about them, numbered from 1 without a gap; a digest covers the one before."""

exemptions = Table(
    "exemptions",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("until", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("approver", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
)
"""Devices that somebody exempted, until when and why; who did it is the user that gave the command."""

clearances = Table(
    "clearances",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("time", BigInteger, nullable=False),
)
"""When somebody cleared a device: what was seen before is no evidence against it."""

consequences = Table(
    "consequences",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("app", String(64), primary_key=True),
    Column("policy", String(64), primary_key=True),
    Column("consequence", String(16), nullable=False),
)
"""What policies do about devices whose use of an app is confirmed: quarantine them, or why not."""
