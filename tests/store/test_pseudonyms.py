"""Pseudonyms and their key."""

import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import StoreError
from dnsfilter.store.pseudonyms import Pseudonyms, load_key, read_key


@given(st.text())
def test_pseudonyms_are_stable_and_uniform(identity: str) -> None:
    """One identity has one pseudonym under a key, another under another key, another as an address than as a device."""
    one, other = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)
    assert re.fullmatch(r"d-[a-z2-7]{16}", one.of_device(identity))
    assert one.of_device(identity) == Pseudonyms(b"a" * 32).of_device(identity)
    assert len({one.of_device(identity), other.of_device(identity), one.of_address(identity)}) == 3


def test_a_missing_key_is_made_once(tmp_path: Path) -> None:
    """The key is made where it is missing, for its owner alone, and is the same afterwards."""
    path = tmp_path / "keys" / "pseudonym.key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["pseudonym.key"]
    assert load_key(tmp_path / "other.key") != key


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    """Half a key protects nobody."""
    path = tmp_path / "pseudonym.key"
    path.write_bytes(b"short")
    with pytest.raises(StoreError, match="holds 5 octets"):
        load_key(path)


@pytest.mark.parametrize("place", ["", "file/pseudonym.key"])
def test_a_key_that_cannot_be_had(tmp_path: Path, place: str) -> None:
    """A directory in the key's place, or a file in its directory's, is one error."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be"):
        load_key(tmp_path / place)


def test_reading_makes_no_key(tmp_path: Path) -> None:
    """Who only reads the key gets the one that is there; where there is none, none is made."""
    file = tmp_path / "pseudonym.key"
    with pytest.raises(StoreError, match="cannot be read"):
        read_key(file)
    assert not file.exists()
    assert load_key(file) == read_key(file)
