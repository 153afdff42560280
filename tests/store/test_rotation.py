"""Rotation of the key: one device stays one device, and no step may be the last."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from dnsfilter.errors import StoreError
from dnsfilter.store import outbox
from dnsfilter.store.audit import append, audited
from dnsfilter.store.erasure import OF_DEVICES
from dnsfilter.store.pseudonyms import Pseudonyms, create_key, load_key, next_file, read_key, read_retired_keys
from dnsfilter.store.rotation import ACTION, Rekeyed, fingerprint, put_in_force, rekey, was_committed
from dnsfilter.store.schema import sightings
from dnsfilter.store.sightings import record
from tests.fakes.events import event
from tests.fakes.sightings import NOON, attributed, sighting

OLD, NEW = Pseudonyms(b"o" * 32), Pseudonyms(b"n" * 32)


def test_every_pseudonym_is_replaced(engine: Engine) -> None:
    """Devices and addresses get those of the new key; of whom nobody knows stays together under one that is new."""
    before = {OLD.of_device("dev-1"): 3, OLD.of_address("10.0.0.9"): 2, "d-stray": 1}
    with engine.begin() as connection:
        seen = [(name, minute) for name, number in before.items() for minute in range(number)]
        record(connection, [attributed(sighting(time=NOON + 60 * minute), name) for name, minute in seen])
        outbox.add(connection, [event(device=OLD.of_device("dev-1")), event(device="")])
    with engine.begin() as connection:
        assert rekey(connection, OLD, NEW, ["dev-1", "dev-2"], ["10.0.0.9"]) == Rekeyed(3, 1)
    after = {NEW.of_device("dev-1"): 3, NEW.of_address("10.0.0.9"): 2, NEW.of_stray("d-stray"): 1}
    with engine.connect() as connection:
        names = list(connection.scalars(select(sightings.c.device)))
        assert {name: names.count(name) for name in names} == after
        for table in OF_DEVICES:
            assert set(connection.scalars(select(table.c.device))) <= {*after, ""}
        assert [found.event.device for found in outbox.list_new(connection, 9)] == [NEW.of_device("dev-1"), ""]


def test_knows_whether_it_was_committed(engine: Engine, tmp_path: Path) -> None:
    """The audit tells for which keys the store was changed, and nothing from which a key could be had."""
    with audited(engine, tmp_path / "heads") as connection:
        append(connection, time=1, actor="a", action=ACTION, subject="", details={"key": fingerprint(b"n" * 32)})
    with engine.connect() as connection:
        assert was_committed(connection, b"n" * 32)
        assert not was_committed(connection, b"o" * 32)


def test_a_key_that_waits_stops_others(tmp_path: Path) -> None:
    """While a next key lies there, no pseudonym is made; once in force it is the key, and the old one is retired."""
    file = tmp_path / "pseudonym.key"
    old = load_key(file)
    new = create_key(next_file(file))
    assert create_key(next_file(file)) == new
    for read in (load_key, read_key):
        with pytest.raises(StoreError, match="rotate-key"):
            read(file)
    retired = put_in_force(file, 1_700_000_000.0)
    assert load_key(file) == read_key(file) == new
    assert read_retired_keys(file) == [old]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (file, retired)} == {0o600}


def test_no_key_to_put_in_force(tmp_path: Path) -> None:
    """Without a next key the present one stays."""
    file = tmp_path / "pseudonym.key"
    old = load_key(file)
    with pytest.raises(StoreError, match="cannot be replaced"):
        put_in_force(file, 1.0)
    assert load_key(file) == old
