"""The parameters of service bindings: what the other codec writes is read, what RFC 9460 forbids is not."""

import struct

import pytest
from dnslib import HTTPS, Buffer
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.wire.svcb import read_hints, read_params, without_ech, write_params

ALPN = st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=3).map(
    lambda names: b"".join(bytes([len(name)]) + name for name in names)
)
ADDRESSES4, ADDRESSES6 = (
    st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=3).map(b"".join) for size in (4, 16)
)
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        1: ALPN,
        2: st.just(b""),
        3: st.binary(min_size=2, max_size=2),
        4: ADDRESSES4,
        5: st.binary(max_size=20),
        6: ADDRESSES6,
        7: st.binary(max_size=9),
        65_280: st.binary(max_size=9),
    },
)


def param(key: int, value: bytes = b"", length: int | None = None) -> bytes:
    """Return one parameter, with a length that may lie."""
    return struct.pack("!HH", key, len(value) if length is None else length) + value


@given(PARAMS, st.data())
def test_agrees_with_dnslib(params: dict[int, bytes], data: st.DataObject) -> None:
    """What dnslib writes is read and written back octet for octet, mandatory keys included."""
    mandatory = sorted(data.draw(st.sets(st.sampled_from(sorted(params))))) if params else []
    if mandatory:
        params = {0: struct.pack(f"!{len(mandatory)}H", *mandatory), **params}
    buffer = Buffer()
    HTTPS(1, [], sorted(params.items())).pack(buffer)
    wire = bytes(buffer.data)[3:]
    assert read_params(wire) == params
    assert write_params(params) == wire


@given(st.binary(max_size=60))
def test_arbitrary_octets(data: bytes) -> None:
    """Whatever comes is a WireError, or parameters that are written back as they were."""
    try:
        params = read_params(data)
    except WireError:
        return
    assert write_params(params) == data


@given(PARAMS, st.data())
def test_without_ech(params: dict[int, bytes], data: st.DataObject) -> None:
    """Only `ech` goes, from the mandatory keys too, and what is left is well-formed."""
    mandatory = sorted(data.draw(st.sets(st.sampled_from(sorted(params))))) if params else []
    if mandatory:
        params = {0: struct.pack(f"!{len(mandatory)}H", *mandatory), **params}
    left = without_ech(params)
    assert read_params(write_params(left)) == left
    assert left.keys() - {0} == params.keys() - {0, 5}
    kept = [key for key in mandatory if key != 5]
    assert left.get(0, b"") == struct.pack(f"!{len(kept)}H", *kept)


@pytest.mark.parametrize(
    "data",
    [
        param(3, b"\1\xbb") + param(1, b"\2h2"),  # out of order
        param(3, b"\1\xbb") + param(3, b"\1\xbb"),  # twice
        param(1, b"\2h2")[:-1],
        param(1, b"\2h2") + b"\0",
        param(1, b"\2h2", 40),  # lengths that lie
        param(65_000, b"x", 0),
        param(0, b""),
        param(0, b"\0\1\0") + param(1, b"\2h2"),
        param(0, b"\0\0") + param(1, b"\2h2"),  # mandatory itself
        param(0, b"\0\3\0\1") + param(1, b"\2h2") + param(3, b"\1\xbb"),
        param(0, b"\0\1\0\1") + param(1, b"\2h2"),
        param(0, b"\0\4") + param(1, b"\2h2"),  # not there
        param(1, b""),
        param(1, b"\3h2"),
        param(1, b"\2h2\0"),
        param(2, b"x"),
        param(3, b"\1"),
        param(3, b"\1\xbb\0"),
        param(4, b""),
        param(4, b"\1\2\3"),
        param(6, bytes(15)),
    ],
)
def test_malformed(data: bytes) -> None:
    """RFC 9460 sections 2.2, 7 and 8: a client must reject it, and so do we."""
    with pytest.raises(WireError):
        read_params(data)


def test_hints() -> None:
    """Every address that a binding hints at, of both families."""
    params = {4: b"\xc0\0\2\1\xc0\0\2\2", 6: bytes(15) + b"\1", 1: b"\2h2"}
    assert read_hints(params) == [b"\xc0\0\2\1", b"\xc0\0\2\2", bytes(15) + b"\1"]
