"""What a forger must guess is as good as random: the IDs of queries, and the ports they leave from."""

import itertools
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from dnsfilter.upstream.udp import USES, UdpUpstream
from dnsfilter.values import Endpoint
from tests.fakes.asking import Question

QUERIES = 30_000
BATCH = 50
TOO_FAR = 6.0
"""Standard deviations beyond which chance is out of the question."""


@pytest.fixture(scope="module")
def sent() -> Iterator[list[tuple[int, int]]]:
    """Send many queries and return ID and port of each as the upstream sees them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        watched: dict[socket.socket, object] = {}
        upstream = UdpUpstream(
            Endpoint("127.0.0.1", server.getsockname()[1]),
            lambda *_: None,
            lambda *_: None,
            lambda: None,
            watched.__setitem__,
            watched.pop,
        )
        seen = []
        for _ in range(QUERIES // BATCH):
            for _ in range(BATCH):
                upstream.send(Question())
            upstream.flush()
            for _ in range(BATCH):
                message, peer = server.recvfrom(512)
                seen.append((int.from_bytes(message[:2], "big"), peer[1]))
        upstream.close()
        yield seen


def deviation(values: list[int], kinds: int) -> float:
    """Return how many standard deviations the chi-square statistic of values in 0 to kinds - 1 is off."""
    expected = len(values) / kinds
    counts = Counter(values)
    statistic = sum((counts[value] - expected) ** 2 / expected for value in range(kinds))
    return abs(statistic - (kinds - 1)) / (2 * (kinds - 1)) ** 0.5


@pytest.mark.parametrize("shift", [0, 4, 8])
def test_ids_are_uniform(sent: list[tuple[int, int]], shift: int) -> None:
    """Any eight bits of the IDs are as often each of their values as chance would have it."""
    assert deviation([identifier >> shift & 0xFF for identifier, _ in sent], 256) < TOO_FAR


def test_an_id_says_nothing_of_the_next(sent: list[tuple[int, int]]) -> None:
    """The differences of successive IDs are uniform too: there is no step to add."""
    steps = [(second - first) >> 8 & 0xFF for (first, _), (second, _) in itertools.pairwise(sent)]
    assert deviation(steps, 256) < TOO_FAR
    assert len({identifier for identifier, _ in sent}) > QUERIES * 0.75


def test_batches_leave_from_ports_in_no_order(sent: list[tuple[int, int]]) -> None:
    """Which of the open ports a batch leaves from is chance, and ports are replaced."""
    ports = [port for _, port in sent[::BATCH]]
    assert len(set(ports)) >= QUERIES // USES * 0.9
    assert sum(first == second for first, second in itertools.pairwise(ports)) < len(ports) // 3
    steps = Counter(second - first for first, second in itertools.pairwise(ports))
    assert steps.most_common(1)[0][1] < len(ports) // 3
