"""Bursts of banned attempts at the sinkhole, with the manager and without it, and tens of thousands of connections."""

import os
import resource
import signal
import threading
import time
from collections.abc import Callable

from tests.fakes.hello import client_hello
from tests.fakes.origin import Origin
from tests.faults.attempts import Attempts
from tests.faults.measures import Measure, Row, Trial, count
from tests.faults.ours import Dnsfilter
from tests.faults.proxied import Proxied, start_proxied
from tests.faults.servers import wait_for
from tests.faults.usage import busy_milliseconds, resident_megabytes

RATE = 2_000
DESCRIPTORS = 10_000
CATCH_UP_SECONDS = 30
AT_ONCE = 20
STEPS = 10
BANNED = [client_hello("blocked.example")]


def burst(trial: Trial) -> list[Measure]:
    """Try 2,000 times a second to reach a banned name."""
    return _burst(trial, lambda _: None)


def burst_without_manager(trial: Trial) -> list[Measure]:
    """Do the same while the manager is frozen for seconds, and is killed as soon as it goes on."""
    return _burst(trial, lambda server: _harm_manager(server, trial.choose(8, 2)))


def _burst(trial: Trial, harm: Callable[[Proxied], None]) -> list[Measure]:
    _allow_descriptors()
    server, number = start_proxied(trial), trial.choose(10 * RATE, RATE)
    attempts, busy = Attempts(server.sinkhole_port, BANNED), busy_milliseconds(server.proxies())
    harming = threading.Thread(target=harm, args=(server,))
    harming.start()
    begin = time.monotonic()
    sending = attempts.run(number, RATE)
    ended = time.monotonic() - begin
    spent = busy_milliseconds(server.proxies()) - busy
    harming.join()

    def missing() -> int:
        return max(0, number - server.stored() - server.dropped())

    wait_for(lambda: server.recorded() >= number and missing() == 0, CATCH_UP_SECONDS)
    return [
        count("not refused", number - attempts.outcomes["refused"]),
        count("counted wrongly", abs(number - server.recorded())),
        count("neither stored nor counted as dropped", missing()),
        count("stored twice", max(0, server.stored() - number), None),
        count("attempts", number, None),
        Measure("sent within", round(sending, 1), None, "s"),
        Measure("all refused within", round(ended, 1), None, "s"),
        Measure("processor per attempt", round(spent / number, 2), None, "ms"),
    ]


def _harm_manager(server: Proxied, seconds: float) -> None:
    manager = server.processes("manager")[0]
    os.kill(manager, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(manager, signal.SIGCONT)
    server.end_process(manager, signal.SIGKILL, "manager")


def cross(trial: Trial) -> list[Measure]:
    """Make connections, half of them banned, half passing to a server, twenty at a time."""
    _allow_descriptors()
    number = trial.choose(50_000, 4_000)
    server = start_proxied(trial)
    sizes, refused, passed = [], 0, 0
    with Origin() as origin:
        authority = b"127.0.0.1:%d" % origin.port
        passing = [b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority), client_hello("www.example")]
        for _ in range(STEPS):
            banned = Attempts(server.sinkhole_port, BANNED, at_once=AT_ONCE)
            others = Attempts(server.explicit_port, passing, at_once=AT_ONCE)
            for each in (banned, others):
                each.run(number // STEPS // 2, float(number))
            refused += banned.outcomes["refused"]
            passed += others.outcomes["answered"]
            sizes.append(resident_megabytes(server.proxies()))
        reached = origin.accepted
    warm = STEPS // 2 - 1 if trial.is_short else STEPS // 5 - 1
    growth = (sizes[-1] / sizes[warm] - 1) * 100
    return [
        count("banned and not refused", number // 2 - refused),
        count("others and not passed", number // 2 - passed),
        count("reached the server and should not", reached - number // 2),
        Measure(f"memory more than after {(warm + 1) * number // STEPS:,}", round(growth, 2), 5, "%", is_count=True),
        Measure("memory of two processes", round(sizes[-1]), None, "MB"),
    ]


def _allow_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, DESCRIPTORS), hard))


_OURS = (Dnsfilter.name,)
_BAR = "all refused, counted and stored or counted as dropped"
ROWS = [
    Row("banned-burst", "2,000 banned attempts a second at the sinkhole", _BAR, burst, _OURS),
    Row("banned-no-manager", "the same, the manager frozen, then killed", _BAR, burst_without_manager, _OURS),
    Row("connections", "50,000 connections through the proxy", "memory flat within 5 %", cross, _OURS),
]
