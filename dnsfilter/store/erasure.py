"""Erases one device on request: its rows go, and nothing of them stays in the files of the store."""

from sqlalchemy import Connection, Engine, delete

from dnsfilter.errors import StoreError
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
            if connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one():
                raise StoreError("what was erased stays in the write-ahead log until those who read the store end")
        else:
            for table in OF_DEVICES:
                connection.exec_driver_sql(f"VACUUM FULL {table.name}")
