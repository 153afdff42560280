"""The load of a fault's script: queries at fixed rates from `load.c`, and what their records tell."""

import signal
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.faults.programs import ECHO, compile_helper
from tests.processes import Processes, Running

LOST, SERVFAIL = 255, 2
_RECORD = struct.Struct("<IIIIBBBBHH")
_START = struct.Struct("<Q")


class Record(NamedTuple):
    """One query: when it was sent, and its answer; times in microseconds. `error` is the EDE's code + 1."""

    sent: int
    latency: int
    number: int
    address: int
    stream: int
    socket: int
    rcode: int
    answers: int
    error: int
    flags: int

    @property
    def is_lost(self) -> bool:
        """Whether no answer came."""
        return self.rcode == LOST

    @property
    def arrived(self) -> int:
        """When the answer was there."""
        return self.sent + self.latency

    @property
    def is_blocked(self) -> bool:
        """Whether the answer is one, but not the upstream's."""
        return self.rcode in {0, 3} and self.address != ECHO

    @property
    def is_resolved(self) -> bool:
        """Whether the answer is the upstream's."""
        return self.rcode == 0 and self.address == ECHO


@dataclass(frozen=True, slots=True)
class Stream:
    """Queries of one kind: `#` in the name stands for a number below `names`, or one that never comes back."""

    name: str
    template: str
    rate: float
    names: int = 0
    limit: int = 0

    @property
    def argument(self) -> str:
        """How it is told to the program."""
        return f"{self.rate}:{self.names}:{self.limit}:{self.template}"


class Result:
    """The records of one run; `start` is on the clock of `time.monotonic`, in seconds."""

    def __init__(self, content: bytes, streams: Sequence[Stream]) -> None:
        (nanoseconds,) = _START.unpack_from(content)
        self.start = nanoseconds / 1e9
        self.records = [Record._make(fields) for fields in _RECORD.iter_unpack(content[_START.size :])]
        self._numbers = {stream.name: number for number, stream in enumerate(streams)}

    def of(self, *names: str) -> "Sample":
        """Return the records of some streams, of all without names."""
        numbers = {self._numbers[name] for name in names}
        return Sample([each for each in self.records if not numbers or each.stream in numbers], self.start)


class Sample:
    """Some records of a run."""

    def __init__(self, records: Iterable[Record], start: float) -> None:
        self.records = list(records)
        self._start = start

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def between(self, begin: float, end: float = float("inf")) -> "Sample":
        """Return what was sent between two moments of `time.monotonic`."""
        first, last = (begin - self._start) * 1e6, (end - self._start) * 1e6
        return Sample((each for each in self.records if first <= each.sent < last), self._start)

    def count(self, condition: Callable[[Record], object]) -> int:
        """Return for how many records something holds."""
        return sum(1 for each in self.records if condition(each))

    @property
    def lost(self) -> int:
        """How many queries got no answer."""
        return self.count(lambda each: each.is_lost)

    @property
    def servfail(self) -> int:
        """How many queries got SERVFAIL."""
        return self.count(lambda each: each.rcode == SERVFAIL)

    @property
    def rcodes(self) -> Counter[int]:
        """How often each rcode came, 255 for no answer."""
        return Counter(each.rcode for each in self.records)

    def milliseconds(self, share: float = 1) -> float:
        """Return the latency that this share of the answers does not exceed; infinite without answers."""
        latencies = sorted(each.latency for each in self.records if not each.is_lost)
        if not latencies:
            return float("inf")
        return latencies[max(0, min(len(latencies) - 1, int(len(latencies) * share + 0.5) - 1))] / 1000


class Load:
    """A load that runs until it is ended."""

    def __init__(self, running: Running, output: Path, streams: Sequence[Stream], timeout: float) -> None:
        self._running = running
        self._output = output
        self._streams = streams
        self._timeout = timeout

    def end(self) -> Result:
        """Send no more, wait for what is on the way, and return the records."""
        self._running.send(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = 60) -> Result:
        """Return the records once all queries were sent, which takes a limit on every stream."""
        self._running.process.wait(self._timeout + seconds)
        content = self._output.read_bytes()
        self._output.unlink()
        return Result(content, self._streams)


def start_load(
    processes: Processes, directory: Path, port: int, streams: Sequence[Stream], timeout: float, clients: int, net: int
) -> Load:
    """Begin to send; a query without an answer `timeout` seconds after the last one was sent is lost."""
    program = compile_helper(directory, "load")
    number = sum(1 for _ in directory.glob("load-*"))
    output = directory / f"load-{number}-{port}"
    command = [str(program), str(port), str(output), str(clients), str(net), str(timeout)]
    running = processes.start("load", [*command, *(stream.argument for stream in streams)], lambda _: True)
    return Load(running, output, streams, timeout)
