"""What belongs to the account that dnsfilter becomes: root hands over what it made, and what is lacking is said.

Files are opened before they are judged and given away, and links are not followed: whoever owns a directory can put
anything there.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem
from dnsfilter.process.privileges import ROOT, Account

SQLITE = "sqlite:///"
COMPANIONS = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, and the database."""

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def hand_over(configuration: Configuration, account: Account) -> None:
    """Give the account what belongs to root of the state directory, the store and the key of the pseudonyms."""
    for _, directories, files, descriptor in os.fwalk(configuration.state):
        _give(".", account, descriptor)
        for name in (*directories, *files):
            _give(name, account, descriptor)
    store = _store_file(configuration)
    key = Path(configuration.privacy.pseudonym_key)
    for file in (*(f"{store}{ending}" for ending in COMPANIONS if store), *map(str, _keys(key))):
        _give(file, account)


def find_missing_rights(configuration: Configuration, account: Account) -> list[Problem]:
    """Return what the account, which we are now, cannot use although it has to write there."""
    state = Path(configuration.state)
    wanted = [("state", state), ("store.url", _store_file(configuration))]
    wanted.append(("privacy.pseudonym_key", Path(configuration.privacy.pseudonym_key)))
    return [
        Problem(f"{path}: cannot be used by {account.name}: {reason}", key=key)
        for key, path in wanted
        if path and (reason := _find_reason(path, is_key=key.startswith("privacy")))
    ]


def check_rights(configuration: Configuration, account: Account) -> None:
    """Raise InputError for what the account cannot use."""
    problems = find_missing_rights(configuration, account)
    if problems:
        raise InputError(problems)


def _find_reason(path: Path, *, is_key: bool) -> str:
    directory = path if path.is_dir() else path.parent
    exists = os.access(path, os.F_OK)
    if exists and not os.access(path, os.R_OK if is_key else os.R_OK | os.W_OK):
        return "it belongs to somebody else"
    if not os.access(directory, os.X_OK) or not ((exists and is_key) or os.access(directory, os.W_OK)):
        return f"the directory {directory} cannot be written"
    return ""


def _store_file(configuration: Configuration) -> Path | None:
    url = configuration.store.url
    path = url.removeprefix(SQLITE)
    return None if path in (url, ":memory:") else Path(path)


def _keys(key: Path) -> Iterator[Path]:
    """Yield the key, and those before and after it."""
    yield key
    yield from key.parent.glob(f"{key.name}.*")


def _give(name: str, account: Account, directory: int | None = None) -> None:
    """Give away a file or directory of root's; what is somebody else's, or has other names, stays what it is."""
    try:
        opened = os.open(name, _OPEN, dir_fd=directory)
    except OSError:  # not there, a link, or a socket
        return
    try:
        status = os.fstat(opened)
        is_own = stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)
        if status.st_uid == ROOT and is_own:
            os.fchown(opened, account.uid, account.gid)
    finally:
        os.close(opened)
