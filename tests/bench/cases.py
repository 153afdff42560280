"""What is asked: one kind of query over one transport each, and the ratio to unbound to stay under."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Load, write_queries, write_requests

MISSES = 100_000
CACHED = 10_000
BLOCKED = 100
SATURATE = ("-q", "200", "-c", "10", "-b", "4096")
APART = ("-q", "200", "-c", "200", "-b", "4096")
"""As many sockets as queries on their way, so that no two responses of a batch go to the same peer."""

STREAMS = ("-q", "100", "-c", "20")
DOT = ("-m", "dot")
HTTPS = ("-c", "20", "-m", "5")

COUNTED = tuple(f"v{number}.tiktokcdn.com" for number in range(BLOCKED))
KNOWN = tuple(f"c{number}.bench.example" for number in range(CACHED))


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of query; `bar` is the ratio to stay under, None where there is none."""

    name: str
    bar: float | None
    load: Callable[[str], Load]


def make_cases(directory: Path, seconds: int) -> list[Case]:
    """Return the cases; a load is made for each run, so that misses are misses every time."""
    timed = ("-l", str(seconds))

    def make_misses(run: str) -> Load:
        names = (f"m{number}-{run}.bench.example" for number in range(MISSES))
        return Load(write_queries(directory / "misses", names), (*SATURATE, "-n", "1"))

    def plain(word: str, names: Sequence[str], *options: str, transport: str = "plain") -> Callable[[str], Load]:
        queries = write_queries(directory / word, names)
        return lambda _: Load(queries, (*options, *timed), transport)

    def https(word: str, names: Sequence[str]) -> Callable[[str], Load]:
        requests = write_requests(directory / f"{word}-requests", names)
        return lambda _: Load(requests, (*HTTPS, "-D", str(seconds)), "https")

    kinds = (("blocked", COUNTED), ("cached", KNOWN))
    return [
        *(Case(f"{word}, UDP", 1.0, plain(word, names, *SATURATE)) for word, names in kinds),
        Case("miss, UDP", 0.6, make_misses),
        *(Case(f"{word}, UDP, a socket a query", None, plain(word, names, *APART)) for word, names in kinds),
        *(Case(f"{word}, TCP", 1.0, plain(word, names, "-m", "tcp", *STREAMS)) for word, names in kinds),
        *(
            Case(f"{word}, DoT", 1.0, plain(word, names, "-m", "dot", *STREAMS, transport="tls"))
            for word, names in kinds
        ),
        *(Case(f"{word}, DoH", 2.0, https(word, names)) for word, names in kinds),
    ]
