"""A file that processes share: replaced by rename, read whole, never trusted without its digest.

    magic, SHA-256 of the rest | header length, header (JSON), octets

Readers copy the file into memory instead of mapping it: a mapped file that is truncated on disk kills its readers with
SIGBUS. A reader sees what was published, whole, or SnapshotError.
"""

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

from dnsfilter.errors import SnapshotError

MAGIC_SIZE = 8

_DIGEST_SIZE = 32
_LENGTH = struct.Struct("!Q")


def publish(path: Path, magic: bytes, header: dict[str, Any], octets: bytes) -> None:
    """Replace the file in one step; SnapshotError when it cannot."""
    encoded = json.dumps(header).encode()
    body = _LENGTH.pack(len(encoded)) + encoded + octets
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(magic + hashlib.sha256(body).digest())
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SnapshotError(f"{path}: cannot be published: {error.strerror}") from None


def read(path: Path, magic: bytes) -> tuple[dict[str, Any], memoryview]:
    """Return header and octets; SnapshotError when there is no file or it is not what was published."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}") from None
    body = memoryview(data)[MAGIC_SIZE + _DIGEST_SIZE :]
    if data[:MAGIC_SIZE] != magic or data[MAGIC_SIZE : MAGIC_SIZE + _DIGEST_SIZE] != hashlib.sha256(body).digest():
        raise SnapshotError(f"{path}: is damaged, or from another version of dnsfilter")
    end = _LENGTH.size + _LENGTH.unpack_from(body)[0]
    return json.loads(bytes(body[_LENGTH.size : end])), body[end:]
