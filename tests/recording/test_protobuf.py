"""Protobuf fields."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.recording.protobuf import read_fields
from tests.fakes.captures import protobuf

VALUES = st.one_of(st.integers(0, 2**64 - 1), st.binary())


@given(st.dictionaries(st.integers(1, 2**20), VALUES))
def test_fields(fields: dict[int, int | bytes]) -> None:
    """What was written is read."""
    assert read_fields(protobuf(fields.items())) == fields


def test_kinds() -> None:
    """Numbers of 32 and 64 bits are little-endian, and of a repeated field the last value counts."""
    assert read_fields(b"\x0d\1\0\0\0\x11\2\0\0\0\0\0\0\0\x18\3\x18\4") == {1: 1, 2: 2, 3: 4}


@pytest.mark.parametrize("message", [b"\x08", b"\x0a\5abc", b"\x0d\1", b"\x0b", b"\x08" + b"\xff" * 10, b"\xff"])
def test_refused(message: bytes) -> None:
    """What is cut off, or of a kind that nobody writes, is a WireError."""
    with pytest.raises(WireError):
        read_fields(message)


@given(st.binary())
def test_any_octets(message: bytes) -> None:
    """Any octets are read or refused by WireError."""
    with contextlib.suppress(WireError):
        read_fields(message)
