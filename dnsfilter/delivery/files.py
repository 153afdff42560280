"""Files that outlets need: secrets, which nobody else may read, and trust."""

import os
import ssl
import stat
from pathlib import Path

MAX_SECRET = 10_000

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_secret(path: str) -> str:
    """Return a secret without the spaces around it; ValueError, which never shows it, where the file is no use."""
    try:
        with Path(path).open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(MAX_SECRET).decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if mode & _OTHERS:
        raise ValueError(f"{path}: has mode {mode:04o}; nobody else may read a secret: chmod 600")
    if not text:
        raise ValueError(f"{path}: is empty")
    return text


def load_trust(ca: str | None) -> ssl.SSLContext:
    """Return the context of a client that verifies who answers; ValueError where the file cannot be used."""
    try:
        return ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or "holds no certificate"
        raise ValueError(f"{ca}: {reason}") from None
