"""Answers for the cache: positive ones, negative ones and denials, all about a few names below `example`."""

from collections.abc import Iterable

from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer
from tests.fakes.messages import ask, edns, respond

QUERY = ask("a.example")
QUESTION_SIZE = len(Query(QUERY).question)
KEY = Query(QUERY).key
OTHER = Query(ask("b.example")).key
SOA = "example. 900 SOA ns.example. host.example. 1 2 3 4 {}"
SOA_60 = SOA.format(60)


def key_of(name: str, qtype: str = "A", *, do: bool = False, cd: bool = False) -> bytes:
    """Return the key of a question."""
    return bytes(Query(ask(name, qtype, flags=0x0110 if cd else 0x0100, opt=edns(do=do))).key)


def positive(ttl: int, now: float = 0.0) -> Answer:
    """Return an answer with an address."""
    return Answer(respond(QUERY, [f"a.example. {ttl} A 192.0.2.1"]), QUESTION_SIZE, now)


def negative(ttl: int, rcode: int = 3, now: float = 0.0, answers: Iterable[str] = ()) -> Answer:
    """Return a negative answer."""
    return Answer(respond(QUERY, answers, [SOA.format(ttl)], rcode=rcode), QUESTION_SIZE, now)


def denial(
    name: str,
    now: float = 0.0,
    *,
    answers: Iterable[str] = (),
    authorities: Iterable[str] = (SOA_60,),
    do: bool = False,
) -> Answer:
    """Return that a name does not exist."""
    query = ask(name, opt=edns(do=do))
    return Answer(respond(query, answers, authorities, rcode=3), len(Query(query).question), now)
