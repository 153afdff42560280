"""When a query is sent to whom."""

import pytest

from dnsfilter.upstream.attempts import LINGER, MAX_ATTEMPTS, MAX_SAVINGS, WAITS, Budget, Exchange
from dnsfilter.upstream.server import Server
from dnsfilter.values import parse_server
from dnsfilter.wire.query import Query
from tests.fakes.resolving import make_query


class Silence:
    """A way to ask that is never used."""

    keeps_case = True


def make_servers(count: int) -> list[Server]:
    servers = [Server(parse_server(f"192.0.2.{number}")) for number in range(1, count + 1)]
    for server in servers:
        server.transport = Silence()  # type: ignore[assignment] # all that attempts look at
    return servers


def test_patience_has_an_end() -> None:
    """All attempts together take less time than a stub resolver waits, and late responses are welcome for longer."""
    assert sum(WAITS) < 1.5
    assert max(WAITS) < LINGER
    assert len({*WAITS, LINGER}) == len(WAITS) + 1


@pytest.mark.parametrize(
    ("asks", "servers", "untried"),
    [(1, 1, False), (1, 2, True), (2, 2, False), (2, 3, True), (3, 3, False), (3, 9, False)],
)
def test_untried(asks: int, servers: int, *, untried: bool) -> None:
    """An error of one server is final only when no other is left to ask."""
    exchange = Exchange(Query(make_query()), make_servers(servers), 0.0)
    for _ in range(asks):
        exchange.next_server()
    assert exchange.has_untried is untried


def test_servers_take_turns() -> None:
    """Each attempt is at the next server, and the first again after the last."""
    first, second = servers = make_servers(2)
    exchange = Exchange(Query(make_query()), servers, 0.0)
    assert [exchange.next_server() for _ in range(3)] == [first, second, first]
    assert exchange.attempts == MAX_ATTEMPTS


def test_random_letters_are_given_up_in_the_end() -> None:
    """The last attempt asks in small letters, and one at a server that breaks others does so too."""
    exchange = Exchange(Query(make_query("WwW.Example")), make_servers(1), 0.0)
    exchange.scramble(b"\xff" * 50)
    assert exchange.question == b"\3wWw\7eXAMPLE\0\0\1\0\1"
    assert exchange.question in exchange.packet
    exchange.next_server()
    exchange.next_server()
    assert exchange.is_scrambled
    exchange.next_server()
    assert not exchange.is_scrambled
    assert exchange.question == b"\3www\7example\0\0\1\0\1"
    (broken,) = servers = make_servers(1)
    broken.transport.keeps_case = False
    exchange = Exchange(Query(make_query()), servers, 0.0)
    exchange.scramble(b"\xff" * 50)
    exchange.next_server()
    assert not exchange.is_scrambled


def test_a_server_is_timed_from_when_it_was_asked() -> None:
    """The one asked last had less time than one asked before."""
    first, second = servers = make_servers(2)
    exchange = Exchange(Query(make_query()), servers, 10.0)
    exchange.asked, exchange.asked_at = second, 11.0
    assert exchange.time_at(second, 12.0) == 1.0
    assert exchange.time_at(first, 12.0) == 2.0


@pytest.mark.parametrize("percent", [0, 1, 5, 100])
def test_the_budget_is_kept(percent: int) -> None:
    """Of many queries no more than the share is spent, whenever it is asked for, and savings have a bound."""
    budget, spent = Budget(percent), 0
    for _ in range(1000):
        budget.earn()
        spent += budget.spend()
    assert spent <= 10 * percent
    assert spent >= 10 * percent - 1
    for _ in range(100_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) <= MAX_SAVINGS + 1
