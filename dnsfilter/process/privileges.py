"""Becoming another user: as root only what root must do is done (sockets of low ports), everything else as the account.

Who it is, is found out before anything is opened; there is no way back afterwards, for no process.
"""

import ctypes
import grp
import os
import pwd
from dataclasses import dataclass
from typing import TypedDict

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem, ProcessError

ROOT = 0
HIGHEST_ID = 2**32 - 2
PR_SET_NO_NEW_PRIVS = 38


class Credentials(TypedDict):
    """What `subprocess` wants to know of an account."""

    user: int
    group: int
    extra_groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Whom everything runs as; `groups` are all of its groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @property
    def credentials(self) -> Credentials:
        """Start a child as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": self.groups}


def find_account(configuration: Configuration) -> Account | None:
    """Return whom to become; None where nobody is named, or that is who we are. InputError names the key."""
    user, group = str(configuration.user), str(configuration.group)
    if not user:
        if group:
            raise _problem("group", f"{group!r} needs `user` beside it")
        return None
    entry = _find_user(user)
    uid = entry.pw_uid if entry else _read_id("user", user, "account")
    if uid == ROOT:
        raise _problem("user", f"{user!r} is who must not run it: name another account, or nobody")
    if not group and not entry:
        raise _problem("user", f"{user!r} is no account of this machine, so `group` must be named, too")
    gid = _find_group(group) if group else entry.pw_gid if entry else 0
    if os.geteuid() != ROOT:
        if (os.geteuid(), os.getegid()) == (uid, gid):
            return None
        raise _problem("user", f"only root can become {user!r}: start it as root, or leave `user` out")
    groups = os.getgrouplist(entry.pw_name, gid) if entry else [gid]
    return Account(user, uid, gid, tuple(groups))


def become(account: Account) -> None:
    """Become the account for good, in this process and all that it starts; ProcessError where that is not to be had."""
    try:
        os.setgroups(account.groups)
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    except OSError as error:
        raise ProcessError(f"user: cannot become {account.name}: {error.strerror}") from None
    # No program that is executed from now on gives privileges, whatever its file says.
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _find_user(text: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(text)) if text.isdecimal() else pwd.getpwnam(text)
    except (KeyError, OverflowError):
        return None


def _find_group(text: str) -> int:
    if text.isdecimal():
        return _read_id("group", text, "group")
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise _problem("group", f"there is no group {text!r}") from None


def _read_id(key: str, text: str, noun: str) -> int:
    if not text.isdecimal() or int(text) > HIGHEST_ID:
        raise _problem(key, f"there is no {noun} {text!r}")
    return int(text)


def _problem(key: str, message: str) -> InputError:
    return InputError([Problem(message, key=key)])
