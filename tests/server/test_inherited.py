"""What systemd hands over, taken from descriptors and an environment made by hand."""

import os
import socket
from contextlib import ExitStack

import pytest

from dnsfilter.server.inherited import take_given


def test_takes_what_is_meant_for_this_process() -> None:
    """Descriptors, names and order are those of sd_listen_fds; the environment forgets them."""
    with ExitStack() as stack:
        first = _consecutive(stack)
        environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "dns", "HOME": "/"}
        given = take_given(environment, first)
        assert [(each.sock.detach(), each.name) for each in given] == [(first, "dns"), (first + 1, "")]
        assert [os.get_inheritable(first), os.get_inheritable(first + 1)] == [False, False]
        assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"},
        {"LISTEN_PID": str(os.getpid())},
    ],
)
def test_takes_nothing_that_is_not(environment: dict[str, str]) -> None:
    """What is meant for another process, or says nothing, is left alone."""
    assert take_given(environment) == []
    assert environment == {}


def _consecutive(stack: ExitStack) -> int:
    """Put two sockets on descriptors beside each other; return the first."""
    for first in range(200, 250):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            os.dup2(sock.fileno(), first)
            os.dup2(sock.fileno(), first + 1)
        stack.callback(os.close, first)
        stack.callback(os.close, first + 1)
        return first
    raise AssertionError
