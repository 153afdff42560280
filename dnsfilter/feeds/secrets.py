"""The secrets of server cookies: files of the configuration, or one of this installation's own in the state directory.

A file holds 32 hexadecimal digits, as BIND, Knot Resolver and unbound take them, so that all can answer on one address.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem, SnapshotError
from dnsfilter.wire.cookie import SECRET_SIZE

FILE_NAME = "cookie.secret"


def read_secrets(files: Iterable[str]) -> tuple[bytes, ...]:
    """Return the secrets in files; InputError names every file without one."""
    secrets: list[bytes] = []
    problems: list[Problem] = []
    for index, file in enumerate(files):
        try:
            secrets.append(_read(Path(file)))
        except ValueError as error:
            problems.append(Problem(str(error), file, key=f"cookies.secrets[{index}]"))
    if problems:
        raise InputError(problems)
    return tuple(secrets)


def provide_secrets(configuration: Configuration) -> tuple[bytes, ...]:
    """Return the secrets that are in force; the installation's own is made where it is missing or cannot be used.

    Nothing is lost with it but the cookies that clients have, who are given others.
    """
    if configuration.cookies.secrets:
        return read_secrets(configuration.cookies.secrets)
    file = Path(configuration.state) / FILE_NAME
    try:
        return (_read(file),)
    except ValueError:
        return (_create(file),)


def _read(file: Path) -> bytes:
    """Return the secret in a file; ValueError says why there is none. Nothing of the file is ever shown."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_SIZE:
        raise ValueError(f"does not hold {2 * SECRET_SIZE} hexadecimal digits")
    return secret


def _create(file: Path) -> bytes:
    """Return a new secret that is in the file now; SnapshotError when it cannot be written."""
    secret = os.urandom(SECRET_SIZE)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(secret.hex() + "\n")
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SnapshotError(f"{file}: cannot be created: {error.strerror}") from None
    return secret
