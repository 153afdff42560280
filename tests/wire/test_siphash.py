"""SipHash-2-4 by its authors' test vectors."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.siphash import siphash24
from tests.processes import miss, require_program

KEY = bytes(range(16))
VECTORS = [
    "310e0edd47db6f72",
    "fd67dc93c539f874",
    "5a4fa9d909806c0d",
    "2d7efbd796666785",
    "b7877127e09427cf",
    "8da699cd64557618",
    "cee3fe586e46c9cb",
    "37d1018bf50002ab",
    "6224939a79f5f593",
    "b0e4a90bdf82009e",
    "f3b9dd94c5bb5d7a",
    "a7ad6b22462fb3f4",
    "fbe50e86bc8f1e75",
    "903d84c02756ea14",
    "eef27a8e90ca23f7",
    "e545be4961ca29a1",
]
"""The hash of the octets 0, 1, 2, … for every length from 0, under the key 0, 1, 2, … (SipHash's own vectors.h)."""


@pytest.mark.parametrize(("length", "expected"), list(enumerate(VECTORS)))
def test_vectors(length, expected):
    """The published hashes of messages of 0 to 15 octets."""
    assert siphash24(KEY, bytes(range(length))).hex() == expected


@pytest.mark.parametrize("length", [16, 20, 32, 63, 64, 255, 256, 300])
def test_agrees_with_openssl(tmp_path: Path, length):
    """Longer messages hash as another implementation has it; the length counts modulo 256."""
    program = require_program("openssl", "openssl")
    file = tmp_path / "message"
    file.write_bytes(bytes(index % 251 for index in range(length)))
    command = [program, "mac", "-macopt", f"hexkey:{KEY.hex()}", "-macopt", "size:8", "-in", str(file), "SIPHASH"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        miss("this openssl has no SipHash")
    assert siphash24(KEY, file.read_bytes()).hex() == done.stdout.strip().lower()


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=40), st.integers(0, 319))
def test_every_bit_counts(key, message, bit):
    """Another key or another message has another hash."""
    found = siphash24(key, message)
    assert len(found) == 8
    assert siphash24(bytes([key[0] ^ 1]) + key[1:], message) != found
    if bit // 8 < len(message):
        changed = bytearray(message)
        changed[bit // 8] ^= 1 << bit % 8
        assert siphash24(key, bytes(changed)) != found
