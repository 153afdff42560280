"""Pseudonyms: what the store knows a device by. Without the key nobody can tell which device is meant."""

import base64
import hashlib
import hmac
import os
from functools import lru_cache
from pathlib import Path

from dnsfilter.errors import StoreError

KEY_BYTES = 32
MIN_KEY_BYTES = 16
PREFIX = "d-"
TEXT_OCTETS = 10
"""Octets of the digest that make the text: 5 bits a character."""
MAX_REMEMBERED = 200_000


class Pseudonyms:
    """Makes pseudonyms with one key."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._make = lru_cache(maxsize=MAX_REMEMBERED)(self._compute)

    def of_device(self, identifier: str) -> str:
        """Return the pseudonym of a device that the inventory knows by this id."""
        return self._make(f"device:{identifier}")

    def of_address(self, address: str) -> str:
        """Return the pseudonym of an address that stands for itself."""
        return self._make(f"address:{address}")

    def of_stray(self, pseudonym: str) -> str:
        """Return the pseudonym of whoever had this one under another key, where nobody knows who that is."""
        return self._make(f"stray:{pseudonym}")

    def _compute(self, identity: str) -> str:
        keyed = self._keyed.copy()  # in one go it would let other threads run each time, and wait for them
        keyed.update(identity.encode(errors="surrogatepass"))
        return PREFIX + base64.b32encode(keyed.digest()[:TEXT_OCTETS]).decode().lower()


def read_key(path: Path) -> bytes:
    """Return the key in a file; StoreError where there is none, or while another is about to replace it."""
    _refuse_rotation(path)
    return read_present_key(path)


def read_present_key(path: Path) -> bytes:
    """Return the key in a file though another may be about to replace it; StoreError where there is none."""
    try:
        return _read(path)
    except OSError as error:
        raise _unreadable(path, error) from None


def read_retired_keys(path: Path) -> list[bytes]:
    """Return the keys that were in a file before, the latest first."""
    return [read_present_key(file) for file in sorted(path.parent.glob(f"{path.name}.retired-*"), reverse=True)]


def next_file(path: Path) -> Path:
    """Return where the key lies that is about to replace another."""
    return path.with_name(f"{path.name}.next")


def retired_file(path: Path, now: float) -> Path:
    """Return where a key is kept that was replaced at a time."""
    return path.with_name(f"{path.name}.retired-{int(now)}")


def _refuse_rotation(path: Path) -> None:
    if next_file(path).exists():
        raise StoreError(f"{path}: is being replaced; `dnsfilter privacy rotate-key` finishes that")


def load_key(path: Path) -> bytes:
    """Return the key in a file, which is created where it is missing; StoreError when neither is possible."""
    _refuse_rotation(path)
    try:
        return _read(path)
    except FileNotFoundError:
        return create_key(path)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: cannot be read: {error.strerror}")


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) < MIN_KEY_BYTES:
        raise StoreError(f"{path}: holds {len(key)} octets, a key has at least {MIN_KEY_BYTES}")
    return key


def create_key(path: Path) -> bytes:
    """Return a new key that is in a file now, or the one that is there already; StoreError when neither is possible.

    It is written beside its place, then linked there, so that nobody ever reads half a key.
    """
    key = os.urandom(KEY_BYTES)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key)
            os.fsync(file.fileno())
        path.hardlink_to(temporary)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be created: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return key
