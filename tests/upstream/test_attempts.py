"""When a query is sent to whom."""

import pytest

from dnsfilter.upstream.attempts import LINGER, WAITS, has_untried


def test_patience_has_an_end() -> None:
    """All attempts together take less time than a stub resolver waits, and late responses are welcome for longer."""
    assert sum(WAITS) < 1.5
    assert max(WAITS) < LINGER
    assert len({*WAITS, LINGER}) == len(WAITS) + 1


@pytest.mark.parametrize(
    ("attempts", "servers", "untried"),
    [(1, 1, False), (1, 2, True), (2, 2, False), (2, 3, True), (3, 3, False), (3, 9, False)],
)
def test_untried(attempts: int, servers: int, *, untried: bool) -> None:
    """An error of one server is final only when no other is left to ask."""
    assert has_untried(attempts, servers) is untried
