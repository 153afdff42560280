"""Sockets that systemd opened for us (sd_listen_fds(3)): taken once, by the process that they were meant for."""

import os
import socket
from collections.abc import MutableMapping
from typing import NamedTuple

FIRST_DESCRIPTOR = 3

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Given(NamedTuple):
    """A socket and the name that its unit gives it (`FileDescriptorName=`)."""

    sock: socket.socket
    name: str


def take_given(environment: MutableMapping[str, str] = os.environ, first: int = FIRST_DESCRIPTOR) -> list[Given]:
    """Return the sockets meant for this process, none of them for its children; its environment forgets them."""
    pid, count, names = (environment.pop(variable, "") for variable in _VARIABLES)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    labels = names.split(":") + [""] * int(count)
    given = [Given(socket.socket(fileno=first + index), labels[index]) for index in range(int(count))]
    for each in given:
        each.sock.set_inheritable(False)
    return given
