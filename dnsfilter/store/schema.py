"""The tables of the store: what is kept, and nothing else is.

A device is a pseudonym; there is no column for its address, its name or its owner. Times are seconds, minutes are whole
minutes since the epoch. Comments of tables and columns are for people: the record of processing shows them.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

VERSION = 1

metadata = MetaData()

_DEVICE = "pseudonym of the device, or of the address where no device is known"

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False, comment="number of the form"),
    comment="which form these tables have",
)

devices = Table(
    "devices",
    metadata,
    Column("device", String(64), primary_key=True, comment=_DEVICE),
    Column("app", String(64), primary_key=True, comment="app that the evidence is about"),
    Column("group", String(64), nullable=False, comment="group of the device when last seen"),
    Column(
        "attribution",
        String(16),
        nullable=False,
        comment="whether the device is known, unknown, or in a group that is never flagged",
    ),
    Column("standing", String(16), nullable=False, comment="what the evidence says of the device"),
    Column("since", BigInteger, nullable=False, comment="when that standing began"),
    Column("first_seen", BigInteger, nullable=False, comment="minute of the first sighting that is kept"),
    Column("last_seen", BigInteger, nullable=False, comment="minute of the last one"),
    Column("strong", BigInteger, nullable=False, comment="number of sightings that only the installed app causes"),
    Column("weak", BigInteger, nullable=False, comment="number of those that a web page may cause"),
    Column("none", BigInteger, nullable=False, comment="number of those that prove nothing"),
    Column("days", Integer, nullable=False, comment="number of days with sightings"),
    Column("families", Text, nullable=False, comment="rules that matched lately, and when"),
    Column("proof", Text, nullable=False, comment="rules that justify the standing"),
    sqlite_with_rowid=False,
    comment="what each device is believed to do with each app, and on what evidence",
)
"""One row per device and app: its evidence and standing, the fold of its sightings."""

signals = Table(
    "signals",
    metadata,
    Column("signal", BigInteger, primary_key=True, autoincrement=False, comment="number of the combination below"),
    Column("app", String(64), nullable=False, comment="app that a listed name belongs to"),
    Column("blocklist", String(64), nullable=False, comment="list that holds it"),
    Column("rule", Text, nullable=False, comment="rule of that list, which is not the name asked for"),
    Column("role", String(16), nullable=False, comment="what the name is for"),
    Column("grade", String(16), nullable=False, comment="what asking for it proves"),
    Column("channel", String(16), nullable=False, comment="DNS, or how the proxy saw it"),
    Column("action", String(16), nullable=False, comment="what was done about it"),
    Column("group", String(64), nullable=False, comment="group of the device"),
    comment="what can be sighted at all; says nothing of any device",
)
"""What a sighting can be, without device and time: a few thousand rows that sightings refer to."""

sightings = Table(
    "sightings",
    metadata,
    Column("device", String(64), primary_key=True, comment=_DEVICE),
    Column("minute", Integer, primary_key=True, autoincrement=False, comment="minute of the sighting"),
    Column("signal", BigInteger, primary_key=True, autoincrement=False, comment="what was sighted"),
    Column("count", Integer, nullable=False, comment="how many times within that minute"),
    sqlite_with_rowid=False,
    comment="when a device tried to reach listed names",
)
"""How often a device was seen doing something within a minute."""

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="number of the entry"),
    Column("time", BigInteger, nullable=False, comment="when"),
    Column("actor", Text, nullable=False, comment="user of this system who did it"),
    Column("action", String(64), nullable=False, comment="what was done"),
    Column("subject", String(64), nullable=False, comment="pseudonym of the device concerned"),
    Column("details", Text, nullable=False, comment="the reason given, and what else the action needs"),
    Column(
        "digest", String(64), nullable=False, comment="hash over this entry and the one before, which shows tampering"
    ),
    comment="what people did to devices or learned about them, so that it can be accounted for",
)
"""What people did to devices or learned about them, numbered from 1 without a gap; a digest covers the one before."""

exemptions = Table(
    "exemptions",
    metadata,
    Column("device", String(64), primary_key=True, comment=_DEVICE),
    Column("until", BigInteger, nullable=False, comment="when the exemption ends"),
    Column("reason", Text, nullable=False, comment="why"),
    Column("ticket", Text, nullable=False, comment="ticket of the decision"),
    Column("approver", Text, nullable=False, comment="who approved it"),
    Column("time", BigInteger, nullable=False, comment="when it was given"),
    comment="devices that somebody exempted from consequences",
)
"""Devices that somebody exempted, until when and why; who did it is the user that gave the command."""

clearances = Table(
    "clearances",
    metadata,
    Column("device", String(64), primary_key=True, comment=_DEVICE),
    Column("time", BigInteger, nullable=False, comment="what was seen until then counts no more"),
    comment="devices that somebody cleared",
)
"""When somebody cleared a device: what was seen before is no evidence against it."""

consequences = Table(
    "consequences",
    metadata,
    Column("device", String(64), primary_key=True, comment=_DEVICE),
    Column("app", String(64), primary_key=True, comment="app that is used"),
    Column("policy", String(64), primary_key=True, comment="policy that says what follows"),
    Column("consequence", String(16), nullable=False, comment="quarantine, or why there is none"),
    comment="what policies do about devices whose use of an app is confirmed",
)
"""What policies do about devices whose use of an app is confirmed: quarantine them, or why not."""

outbox = Table(
    "outbox",
    metadata,
    Column("number", Integer, primary_key=True, comment="number of the message, in the order of what happened"),
    Column("event", String(40), nullable=False, comment="id of the event, the same wherever and however often it goes"),
    Column("outlet", String(64), nullable=False, comment="by what it goes out; empty until that is decided"),
    Column("kind", String(32), nullable=False, comment="what happened"),
    Column("time", BigInteger, nullable=False, comment="when"),
    Column("device", String(64), nullable=False, comment="pseudonym of the device concerned, empty where it is none"),
    Column("app", String(64), nullable=False, comment="app concerned"),
    Column(
        "content",
        Text,
        nullable=False,
        comment="what else there is to say: group, standing before and after, policy, phase; or the audit's entry",
    ),
    Column("attempts", Integer, nullable=False, comment="how often it could not be delivered"),
    Column("due", BigInteger, nullable=False, comment="when it is tried next"),
    Column("sent", BigInteger, nullable=False, comment="when the mail went out, 0 until then"),
    Index("outbox_by_outlet", "outlet", "sent", "due"),
    comment="what is to go out: mail to owners (whose address is not here), webhooks, events for a SIEM",
)
"""What is to go out, written together with what it tells of; a row per event, then one per event and outlet."""

senders = Table(
    "senders",
    metadata,
    Column(
        "sender", String(128), primary_key=True, comment="process of this system that reported, and which life of it"
    ),
    Column("number", BigInteger, nullable=False, comment="number of its last report that is stored"),
    Column("time", BigInteger, nullable=False, comment="when that was stored"),
    comment="which reports of sightings are stored, so that a repeated one is not stored twice; not about people",
)
"""The last message of sightings of each process, written together with them."""

sampled_names = Table(
    "sampled_names",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False, comment="day (UTC), counted since the epoch"),
    Column("name", Text, primary_key=True, comment="name that many clients asked for; empty: all names together"),
    Column("count", BigInteger, nullable=False, comment="how often it was resolved, about"),
    sqlite_with_rowid=False,
    comment="how often names were resolved, without who asked (`sample`; nothing unless enabled)",
)
"""How often names were resolved on a day, to tell what a change of a list touches; says nothing of any device."""

marks = Table(
    "marks",
    metadata,
    Column("mark", String(200), primary_key=True, comment="what has been told: a date of a policy, a reached cap"),
    Column("value", BigInteger, nullable=False, comment="when; of the audit, the number of the last entry told"),
    sqlite_with_rowid=False,
    comment="what has gone into the outbox and must not again; not about people",
)
"""What is told once, and how far the audit has been told."""
