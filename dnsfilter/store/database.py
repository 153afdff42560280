"""Opens the store, and all that differs between SQLite and PostgreSQL.

A SQLite file is private (0600), in WAL mode, so that readers never wait for the writer.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from importlib import import_module
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Dialect,
    Engine,
    Insert,
    Row,
    Select,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from dnsfilter.errors import StoreError
from dnsfilter.store.drivers import check_driver, with_driver
from dnsfilter.store.schema import VERSION, metadata, schema_version

IN_MEMORY = "sqlite://"
"""The URL of a store that is no file and ends with whoever opened it."""
BUSY_MILLISECONDS = 5_000
CACHE_KIBIBYTES = 32_768
WAL_PAGES = 4_000

Values = tuple[str | int | float, ...]
"""One row, in the order of its table's columns."""

_Compiled = tuple[str, list[str]]
"""A statement for the driver, and the names of its parameters where it takes them by name."""

ROWS_AT_ONCE = 50
CHUNK = 500
"""Values that one statement looks for."""

_CREATION = 0x646E736669
"""The lock that two who begin one PostgreSQL store take, for CREATE TABLE IF NOT EXISTS fails in one of them."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PRIMARY_CODE = 0xFF


def open_store(url: str) -> Engine:
    """Open the store and create what it lacks; StoreError when it cannot be used, DBAPIError when it fails."""
    path = sqlite_path(url)
    if path:
        _create_private(path)
    engine = _connect(url)
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # or two who begin one store create its tables both
        else:
            connection.execute(select(func.pg_advisory_xact_lock(_CREATION)))
        metadata.create_all(connection)
        version = connection.scalar(select(schema_version.c.version))
        if version is None:
            connection.execute(insert(schema_version).values(version=VERSION))
    _check_version(version or VERSION, url)
    return engine


def open_for_reading(url: str) -> Engine | None:
    """Open a store that exists, None when there is none yet; StoreError when it cannot be used."""
    path = sqlite_path(url)
    if path and not path.exists():
        return None
    engine = _connect(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(schema_version.name):
                return None
            _check_version(connection.scalar(select(schema_version.c.version)), url)
    except SQLAlchemyError as error:
        raise StoreError(f"{shown(url)}: {reason(error)}") from None
    return engine


@contextlib.contextmanager
def durable(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that outlives a power failure once it is committed, which SQLite's WAL else does not."""
    with engine.connect() as connection:
        _synchronise(connection, "FULL")
        try:
            with connection.begin():
                yield connection
        finally:
            _synchronise(connection, "NORMAL")


def _synchronise(connection: Connection, level: str) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.rollback()


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite store, None for any other."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if is_file else None


def shown(url: str) -> str:
    """Return a URL fit to be shown: without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "store.url"


def reason(error: Exception) -> str:
    """Return what went wrong in one line, without statement and values."""
    text = str(error.orig if isinstance(error, DBAPIError) else error)
    return text.splitlines()[0] if text else type(error).__name__


class Failure(StrEnum):
    """What an error of the store calls for: try again, begin a new file, or give up what was to be written."""

    AGAIN = "will try again"
    DAMAGED = "damaged"
    REFUSED = "refused what was written"


def classify(error: Exception) -> Failure:
    """Tell what an error calls for."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    if code is not None and code & _PRIMARY_CODE in _CORRUPT:
        return Failure.DAMAGED
    is_passing = isinstance(error, OperationalError | InterfaceError | StoreError | OSError)
    return Failure.AGAIN if is_passing else Failure.REFUSED


def set_aside(url: str, now: float) -> Path | None:
    """Rename a damaged store and what belongs to it, so that a new one can begin; return its new name."""
    path = sqlite_path(url)
    if path is None:
        return None
    aside = path.with_name(f"{path.name}.corrupt-{int(now)}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside


def upsert(connection: Connection, table: Table, rows: Sequence[Values], *, add: str = "", keep: bool = False) -> None:
    """Insert rows, no two of one key; where it exists replace the row, or add to `add`, or `keep` what is there."""
    end = len(rows) - len(rows) % ROWS_AT_ONCE
    together = [tuple(chain.from_iterable(rows[at : at + ROWS_AT_ONCE])) for at in range(0, end, ROWS_AT_ONCE)]
    for number, values in ((ROWS_AT_ONCE, together), (1, rows[end:])):
        if values:
            text, names = _compile_upsert(connection.dialect, table, number, add=add, keep=keep)
            _execute_many(connection, text, names, values)


def find_rows(connection: Connection, column: Column[str], values: Sequence[str]) -> Iterator[Row[Any]]:
    """Yield the rows of the column's table in which it has one of these values."""
    text, names = _compile_choice(connection.dialect, column)
    for start in range(0, len(values), CHUNK):
        chunk = values[start : start + CHUNK]
        filled = (*chunk, *repeat(chunk[-1], CHUNK - len(chunk)))  # so that one statement serves all
        yield from connection.exec_driver_sql(text, dict(zip(names, filled, strict=True)) if names else filled).all()


@lru_cache(maxsize=32)
def _compile_upsert(dialect: Dialect, table: Table, number: int, *, add: str, keep: bool) -> _Compiled:
    """Compile the statement for some rows at once: one by one each costs a turn of the lock that threads share."""
    module = import_module(f"sqlalchemy.dialects.{dialect.name}")  # the one loaded already, no other
    blank = dict.fromkeys(table.columns.keys())
    statement = module.insert(table).values([blank] * number)
    key = list(table.primary_key.columns)
    if keep:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    elif add:
        changed = {add: table.c[add] + statement.excluded[add]}
        statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
    else:
        changed = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
        statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
    return _compile(statement, dialect)


@lru_cache(maxsize=32)
def _compile_choice(dialect: Dialect, column: Column[str]) -> _Compiled:
    values: list[BindParameter[str]] = [bindparam(f"value_{number}") for number in range(CHUNK)]
    return _compile(select(column.table).where(column.in_(values)), dialect)


def _compile(statement: Insert | Select[Any], dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    return str(compiled), [] if compiled.positiontup else list(compiled.params)


def _execute_many(connection: Connection, text: str, names: Sequence[str], rows: Sequence[Values]) -> None:
    """Hand the rows to the driver as they are: no type here needs conversion, and it halves the time."""
    if names:
        connection.exec_driver_sql(text, [dict(zip(names, row, strict=True)) for row in rows])
    else:
        connection.exec_driver_sql(text, list(rows))


def _connect(url: str) -> Engine:
    try:
        check_driver(url)
        engine = create_engine(with_driver(url))
    except (ArgumentError, ModuleNotFoundError, StoreError) as error:
        raise StoreError(f"{shown(url)}: {reason(error)}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's
    for pragma in (
        f"busy_timeout={BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"cache_size=-{CACHE_KIBIBYTES}",
        f"wal_autocheckpoint={WAL_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _create_private(path: Path) -> None:
    """Create the file where there is none, and do not open one that is there.

    To close it again would end the locks that SQLite holds on it in this process (POSIX), and then the next who reads
    it and goes would take the WAL, and what is in it, away.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror}") from None


def _check_version(version: int | None, url: str) -> None:
    if version != VERSION:
        raise StoreError(f"{shown(url)}: has schema version {version}, this is dnsfilter for version {VERSION}")
