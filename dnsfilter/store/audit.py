"""The audit: who did what to which device, or learned who it is, and why; a chain that shows any tampering.

Each entry's digest covers its content and the digest before it. What the chain cannot show, that its end is missing or
that all of it was made anew, shows by the heads: a private file beside the store, to which every committed end of the
chain is added. An entry names a device by its pseudonym and says nothing that tells who that is.
"""

import hashlib
import json
import os
import pwd
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, desc, insert, inspect, select, update

from dnsfilter.errors import StoreError
from dnsfilter.store.database import durable
from dnsfilter.store.schema import audit, schema_version

HEADS_FILE = "audit.heads"
SYSTEM = "dnsfilter"
"""The actor of what nobody commanded."""

ROWS_AT_ONCE = 5_000

_GENESIS = "0" * 64
_HEAD = re.compile(r"([0-9]{1,18}) ([0-9a-f]{64})")


class Entry(NamedTuple):
    """One entry; time in seconds since the epoch."""

    number: int
    time: int
    actor: str
    action: str
    subject: str
    details: dict[str, Any]


class Finding(NamedTuple):
    """One sign of tampering; `number` is the entry that it concerns, 0 where it is none."""

    number: int
    message: str


def current_actor() -> str:
    """Return the name of the user whose command this is; behind sudo, who called it."""
    user = os.getuid()
    try:
        name = (os.environ.get("SUDO_USER") if user == 0 else None) or pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"
    return name.encode("ascii", "backslashreplace").decode()


@contextmanager
def audited(engine: Engine, heads: Path) -> Iterator[Connection]:
    """Begin a transaction to append in; once it is committed its end of the chain is anchored in the heads.

    The end before it is anchored first: it may belong to a process that was killed, and heads that cannot be written
    are found out while nothing has happened yet.
    """
    with engine.connect() as connection:
        anchor(connection, heads)
    with durable(engine) as connection:
        yield connection
    with engine.connect() as connection:
        anchor(connection, heads)


def append(
    connection: Connection, *, time: float, actor: str, action: str, subject: str, details: Mapping[str, Any]
) -> None:
    """Append an entry within the connection's transaction; whoever else appends waits until that has ended."""
    # Writing a row that everybody shares takes the lock, in SQLite and PostgreSQL alike, before the end is read.
    connection.execute(update(schema_version).values(version=schema_version.c.version))
    number, previous = _find_end(connection)
    content = (number + 1, int(time), actor, action, subject, json.dumps(details, sort_keys=True))
    values = dict(zip(audit.columns.keys(), (*content, _digest(previous, content)), strict=True))
    connection.execute(insert(audit).values(values))


def anchor(connection: Connection, heads: Path) -> None:
    """Add the committed end of the chain to the heads; StoreError when that is not possible."""
    number, digest = _find_end(connection)
    line = f"{number} {digest}\n".encode()
    try:
        heads.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(heads, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab+", buffering=0) as file:
            _share(descriptor, heads)
            file.seek(max(0, file.seek(0, os.SEEK_END) - len(line)))
            if file.read() != line:
                file.write(line)
                os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{heads}: cannot be written: {error.strerror}") from None


def _share(descriptor: int, heads: Path) -> None:
    """Let a file that root makes belong to whom its directory does: the service writes it, too."""
    if os.geteuid() == 0:
        owner = heads.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def list_entries(connection: Connection) -> Iterator[Entry]:
    """Yield all entries, the oldest first."""
    for row in _rows(connection):
        yield _to_entry(row)


def find_last(connection: Connection, action: str) -> Entry | None:
    """Return the latest entry of an action."""
    statement = select(audit).where(audit.c.action == action).order_by(desc(audit.c.number)).limit(1)
    row = connection.execute(statement).first()
    return _to_entry(row) if row else None


def verify(connection: Connection | None, heads: Path) -> list[Finding]:
    """Find every edit, removal and reorder, in no store that of all entries; StoreError when heads cannot be read."""
    known, findings = _read_heads(heads)
    number, previous = 0, _GENESIS
    for row in _rows(connection) if connection else ():
        findings += _check(row, number, previous, known)
        number, previous = row.number, row.digest
    last = max(known, default=0)
    if last > number:
        findings.append(Finding(last, f"entries {number + 1} to {last} are missing at the end"))
    if number and not known:
        findings.append(Finding(0, f"{heads} knows no end of this chain"))
    return findings


def _to_entry(row: Row[Any]) -> Entry:
    return Entry(row.number, row.time, row.actor, row.action, row.subject, json.loads(row.details))


def _check(row: Row[Any], number: int, previous: str, known: Mapping[int, set[str]]) -> Iterator[Finding]:
    if row.number != number + 1:
        yield Finding(row.number, f"entries {number + 1} to {row.number - 1} are missing")
    elif row.digest != _digest(previous, tuple(row)[:-1]):
        yield Finding(row.number, f"entry {row.number} was changed, or does not follow the one before it")
    if known.get(row.number, {row.digest}) != {row.digest}:
        yield Finding(row.number, f"entry {row.number} is not the one that was anchored")


def _digest(previous: str, content: tuple[Any, ...]) -> str:
    return hashlib.sha256(json.dumps([previous, *content]).encode()).hexdigest()


def _find_end(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(audit.c.number, audit.c.digest).order_by(desc(audit.c.number)).limit(1)).first()
    return (row.number, row.digest) if row else (0, _GENESIS)


def _rows(connection: Connection) -> Iterator[Row[Any]]:
    if inspect(connection).has_table(audit.name):
        statement = select(audit).order_by(audit.c.number)
        yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)


def _read_heads(heads: Path) -> tuple[dict[int, set[str]], list[Finding]]:
    try:
        lines = heads.read_text("ascii", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise StoreError(f"{heads}: cannot be read: {error.strerror}") from None
    known: dict[int, set[str]] = {}
    findings = []
    for place, line in enumerate(lines, 1):
        if match := _HEAD.fullmatch(line):
            known.setdefault(int(match[1]), set()).add(match[2])
        else:
            findings.append(Finding(0, f"{heads}:{place}: {line[:80]!r} is no end of a chain"))
    return known, findings
