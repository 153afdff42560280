"""What a row of the table is: one fault, the script that does it to a server, and figures beside their bars."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.faults.load import Load, Stream, start_load
from tests.faults.others import Bind, Dnsmasq, Unbound
from tests.faults.ours import Dnsfilter
from tests.faults.programs import start_upstream
from tests.faults.servers import Place, Subject
from tests.processes import Processes

WARM_RATE = 2_000
WARM_TIMES = 16
SUBJECTS = {each.name: each for each in (Dnsfilter, Unbound, Bind, Dnsmasq)}


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure beside its bar; `is_count` where no busy machine changes it, so that a test may hold it."""

    what: str
    value: float
    bar: float | None = None
    unit: str = ""
    is_count: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the figure keeps to the bar."""
        return self.bar is None or self.value <= self.bar

    def __str__(self) -> str:
        value = f"{self.value:,.2f}".rstrip("0").rstrip(".") if isinstance(self.value, float) else f"{self.value:,}"
        bar = "" if self.bar is None else f" (<= {self.bar:g})"
        return f"{self.what} {value}{' ' * bool(self.unit)}{self.unit}{bar}"


def count(what: str, value: int, bar: int | None = 0) -> Measure:
    """Return a figure that a test holds."""
    return Measure(what, value, bar, is_count=True)


def milliseconds(what: str, value: float, bar: float | None = None) -> Measure:
    """Return a time, which a busy machine makes longer."""
    return Measure(what, round(value, 2), bar, "ms")


class Trial:
    """What a fault's script is given: a server to start, an upstream, load, and how long it may take."""

    def __init__(self, server: str, processes: Processes, directory: Path, *, is_short: bool) -> None:
        self.server = server
        self.processes = processes
        self.directory = directory
        self.is_short = is_short

    @property
    def is_ours(self) -> bool:
        """Whether the server is dnsfilter, which tells more of itself."""
        return self.server == Dnsfilter.name

    def choose(self, long: Any, short: Any) -> Any:
        """Return one of two values by how long the run is."""
        return short if self.is_short else long

    def start(self, upstream: str = "", **place: Any) -> Subject:
        """Start the server; without `upstream` with one of its own."""
        address = upstream or start_upstream(self.processes, self.directory).address
        directory = place.pop("directory", self.directory / self.server)
        directory.mkdir(exist_ok=True)
        return SUBJECTS[self.server](self.processes, Place(directory, address, **place))

    def load(
        self, port: int, streams: Sequence[Stream], timeout: float = 5, *, clients: int = 16, net: int = 0
    ) -> Load:
        """Begin to send, from that many clients of a network of their own."""
        return start_load(self.processes, self.directory, port, streams, timeout, clients, net)

    def warm(self, port: int, streams: Sequence[Stream]) -> None:
        """Ask for every name that comes back often enough that each worker has it in its cache."""
        kept = [replace(each, rate=WARM_RATE, limit=WARM_TIMES * each.names) for each in streams if each.names]
        self.load(port, kept).wait()


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: its bar in words, the script, and the servers that have what it is done to."""

    name: str
    fault: str
    bar: str
    run: Callable[[Trial], Sequence[Measure]]
    servers: Sequence[str] = tuple(SUBJECTS)


def find_missed(row: Row, processes: Processes, directory: Path) -> list[str]:
    """Do a fault to dnsfilter for a short time; return the counts that are not what they have to be."""
    measures = row.run(Trial(Dnsfilter.name, processes, directory, is_short=True))
    assert measures
    return [str(each) for each in measures if each.is_count and not each.is_met]
