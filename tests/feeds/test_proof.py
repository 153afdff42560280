"""Checksums as sha256sum writes them, and minisign's signatures, made here by the format's description."""

import base64
import contextlib
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.feeds.proof import check_digest, check_signature, parse_public_key

CONTENT = b"a.example\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ID = b"12345678"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"7" * 32)


def encode(*parts: bytes) -> str:
    return base64.b64encode(b"".join(parts)).decode()


def public_key(key_id: bytes = ID) -> str:
    """Return the key as `minisign -G` prints it."""
    return encode(b"Ed", key_id, PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign(content: bytes, algorithm: bytes = b"ED", comment: str = "timestamp:1", key_id: bytes = ID) -> str:
    """Return what `minisign -S` writes."""
    signed = PRIVATE.sign(hashlib.blake2b(content).digest() if algorithm == b"ED" else content)
    whole = PRIVATE.sign(signed + comment.encode())
    return f"untrusted comment: x\n{encode(algorithm, key_id, signed)}\ntrusted comment: {comment}\n{encode(whole)}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "list"
    file.write_bytes(CONTENT)
    return file


@pytest.mark.parametrize(
    "sums", [DIGEST, f"{DIGEST}  list.txt", f"{DIGEST} *./list.txt\n", f"{'0' * 64}  b\n{DIGEST}  list.txt"]
)
def test_right_checksums(path: Path, sums: str) -> None:
    """One sum alone counts, of several that of the name."""
    check_digest(path, "list.txt", sums)


@pytest.mark.parametrize(
    ("sums", "reason"),
    [
        ("", "hold none for list.txt"),
        (f"{DIGEST}  a\n{DIGEST}  b", "hold none"),
        ("0" * 64, "has the checksum"),
        (DIGEST[:-1], "none"),
    ],
)
def test_wrong_checksums(path: Path, sums: str, reason: str) -> None:
    """A sum that is missing, cut, or another is refused."""
    with pytest.raises(ValueError, match=reason):
        check_digest(path, "list.txt", sums)


@pytest.mark.parametrize("algorithm", [b"ED", b"Ed"])
def test_right_signatures(path: Path, algorithm: bytes) -> None:
    """Both kinds that minisign makes are taken."""
    check_signature(path, sign(CONTENT, algorithm), parse_public_key(public_key()))


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (sign(b"other"), "is wrong"),
        (sign(CONTENT).replace("timestamp:1", "timestamp:2"), "is wrong"),
        (sign(CONTENT, key_id=b"another!"), "another key"),
        (sign(CONTENT, b"EX"), "unknown kind"),
        ("hello", "not one of minisign"),
        ("a\nb\ntrusted comment: c\nd\n", "is not a minisign signature"),
    ],
)
def test_wrong_signatures(path: Path, signature: str, reason: str) -> None:
    """Another content, comment, key or kind is refused."""
    with pytest.raises(ValueError, match=reason):
        check_signature(path, signature, parse_public_key(public_key()))


@given(st.text(), st.text())
def test_no_other_error(signature: str, key: str) -> None:
    """Whatever comes, ValueError and nothing else."""
    with contextlib.suppress(ValueError):
        parse_public_key(key)
    with contextlib.suppress(ValueError):
        check_signature(Path("/dev/null"), signature, parse_public_key(public_key()))
