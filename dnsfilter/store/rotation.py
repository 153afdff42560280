"""Gives the store pseudonyms of another key, and puts that key in force; what was one device stays one device.

In three steps, any of which may be the last before a power failure: the next key lies beside the present one; the store
changes in one transaction; the next key takes the place of the present one, which is kept as retired. While a next
key lies there nobody makes pseudonyms, so that the store never holds those of two keys.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from dnsfilter.errors import StoreError
from dnsfilter.store.audit import list_entries
from dnsfilter.store.erasure import OF_DEVICES
from dnsfilter.store.pseudonyms import Pseudonyms, next_file, retired_file

ACTION = "rotate-key"


class Rekeyed(NamedTuple):
    """How many pseudonyms were replaced, and how many of them stand for nobody known."""

    pseudonyms: int
    strays: int


def fingerprint(key: bytes) -> str:
    """Return what the audit knows a key by."""
    return hashlib.sha256(key).hexdigest()[:16]


def was_committed(connection: Connection, key: bytes) -> bool:
    """Whether the store has the pseudonyms of this key already."""
    return any(
        entry.action == ACTION and entry.details.get("key") == fingerprint(key) for entry in list_entries(connection)
    )


def rekey(
    connection: Connection, old: Pseudonyms, new: Pseudonyms, devices: Iterable[str], addresses: Iterable[str]
) -> Rekeyed:
    """Replace all pseudonyms; one that stands for nobody known gets a new one that is made from the old."""
    known = {old.of_device(device): new.of_device(device) for device in devices}
    known |= {old.of_address(address): new.of_address(address) for address in addresses}
    found: set[str] = set()
    for table in OF_DEVICES:
        names = set(connection.scalars(select(table.c.device).where(table.c.device != "").distinct()))
        rows = [{"old": name, "new": known.get(name) or new.of_stray(name)} for name in sorted(names)]
        if rows:
            column = table.c.device
            connection.execute(update(table).where(column == bindparam("old")).values(device=bindparam("new")), rows)
        found |= names
    return Rekeyed(len(found), len(found - known.keys()))


def put_in_force(key_file: Path, now: float) -> Path:
    """Let the next key take the place of the present one; return where that is kept."""
    retired = retired_file(key_file, now)
    try:
        owner = key_file.stat()
        os.chown(next_file(key_file), owner.st_uid, owner.st_gid)
        os.link(key_file, retired)
        next_file(key_file).replace(key_file)
    except OSError as error:
        raise StoreError(f"{key_file}: cannot be replaced: {error.strerror}") from None
    return retired
