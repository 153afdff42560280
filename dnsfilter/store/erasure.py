"""Erases one device on request: its rows go, and nothing of them stays in the files of the store."""

from sqlalchemy import Connection, Engine, delete
from sqlalchemy.exc import OperationalError

from dnsfilter.errors import StoreError
from dnsfilter.store import database
from dnsfilter.store.schema import metadata

OF_DEVICES = [table for table in metadata.sorted_tables if "device" in table.columns]
"""Tables whose rows are about one device."""


def erase_device(connection: Connection, device: str) -> dict[str, int]:
    """Delete all rows of a device within the connection's transaction; return how many by table."""
    return {
        table.name: connection.execute(delete(table).where(table.c.device == device)).rowcount for table in OF_DEVICES
    }


def scrub(engine: Engine) -> None:
    """Rewrite the store without what deleted rows have left behind; StoreError when others do not let it.

    Whoever writes waits meanwhile, with PostgreSQL whoever reads, too.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("VACUUM")
            is_held = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
        else:
            is_held = not _rewrite_tables(connection)
    if is_held:
        raise StoreError("what was erased stays in the files of the store until those who read it end")


def _rewrite_tables(connection: Connection) -> bool:
    """Rewrite PostgreSQL's tables; False where a reader does not let it."""
    connection.exec_driver_sql(f"SET lock_timeout = {database.BUSY_MILLISECONDS}")
    try:
        for table in OF_DEVICES:
            connection.exec_driver_sql(f"VACUUM FULL {table.name}")
    except OperationalError:
        return False
    finally:
        connection.invalidate()  # the setting goes with the connection
    return True
