"""Who says that a downloaded list is what it should be: a checksum beside it, or a signature (minisign, Ed25519).

Formats: what `sha256sum` writes, and https://jedisct1.github.io/minisign/. Raises ValueError with the reason.
"""

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_DIGEST = re.compile(r"(?i)^\\?([0-9a-f]{64})(?:$| [ *](.+)$)")
_KEY_SIZE = 42
_SIGNATURE_SIZE = 74
_ALGORITHM_SIZE = 2
_ID_END = 10
_TRUSTED = "trusted comment: "
_SIGNATURE_LINES = 4


class PublicKey(NamedTuple):
    """A minisign public key."""

    id: bytes
    key: Ed25519PublicKey


def parse_public_key(text: str) -> PublicKey:
    """Read a public key as minisign prints it."""
    octets = _decode(text, _KEY_SIZE, "a minisign public key")
    return PublicKey(octets[_ALGORITHM_SIZE:_ID_END], Ed25519PublicKey.from_public_bytes(octets[_ID_END:]))


def check_digest(path: Path, name: str, checksums: str) -> None:
    """Hold a file against checksums: the one of this name, or the only one there is."""
    found = [match for line in checksums.splitlines() if (match := _DIGEST.match(line.strip()))]
    named = [match for match in found if match[2] and match[2].rpartition("/")[2] == name]
    chosen = named or (found if len(found) == 1 else [])
    if not chosen:
        raise ValueError(f"the checksums hold none for {name}")
    digest = _hash(path, "sha256").hex()
    if digest != chosen[0][1].lower():
        raise ValueError(f"has the checksum {digest}, and should have {chosen[0][1].lower()}")


def check_signature(path: Path, signature: str, key: PublicKey) -> None:
    """Hold a file against a detached minisign signature, its trusted comment included."""
    lines = signature.splitlines()
    if len(lines) < _SIGNATURE_LINES or not lines[2].startswith(_TRUSTED):
        raise ValueError("its signature is not one of minisign's")
    octets = _decode(lines[1], _SIGNATURE_SIZE, "a minisign signature")
    algorithm, key_id, signed = octets[:_ALGORITHM_SIZE], octets[_ALGORITHM_SIZE:_ID_END], octets[_ID_END:]
    if key_id != key.id:
        raise ValueError("is signed with another key")
    if algorithm not in (b"ED", b"Ed"):
        raise ValueError("its signature is of an unknown kind")
    content = _hash(path, "blake2b") if algorithm == b"ED" else path.read_bytes()
    comment = signed + lines[2].removeprefix(_TRUSTED).encode()
    try:
        key.key.verify(signed, content)
        key.key.verify(base64.b64decode(lines[3]), comment)
    except (InvalidSignature, binascii.Error):
        raise ValueError("its signature is wrong") from None


def _decode(text: str, size: int, what: str) -> bytes:
    try:
        octets = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if len(octets) != size or octets[:1] != b"E":
        raise ValueError(f"{text.strip()[:80]!r} is not {what}")
    return octets


def _hash(path: Path, algorithm: str) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).digest()
