"""Queries through the real dig and kdig, and what their output says."""

import re
import subprocess
from dataclasses import dataclass, field

from tests.processes import require_program

PACKAGES = {"dig": "bind9-dnsutils", "kdig": "knot-dnsutils"}
_SECTION = re.compile(r";; (ANSWER|AUTHORITY|ADDITIONAL|QUESTION) SECTION:")
_EDE = re.compile(r"^;+ ?(?:EDE|Extended error|EDE code): (\d+)", re.MULTILINE | re.IGNORECASE)
_STATUS = re.compile(r"status: (\w+)")
_FLAGS = re.compile(r";; flags: ([a-z ]*);", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record as printed."""

    owner: str
    ttl: int
    rtype: str
    rdata: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What dig printed; `status` is empty when no response came."""

    text: str
    exit_status: int
    status: str = ""
    flags: frozenset[str] = frozenset()
    ede: tuple[int, ...] = ()
    sections: dict[str, list[Record]] = field(default_factory=dict)

    @property
    def answer(self) -> list[Record]:
        """The records of the answer section."""
        return self.sections.get("ANSWER", [])

    @property
    def authority(self) -> list[Record]:
        """The records of the authority section."""
        return self.sections.get("AUTHORITY", [])

    def rdata(self, rtype: str) -> list[str]:
        """Return the data of the answer's records of one type, sorted."""
        return sorted(record.rdata for record in self.answer if record.rtype == rtype)


def dig(port: int, *query: str, server: str = "127.0.0.1", program: str = "dig", timeout: int = 5) -> Answer:
    """Ask `server` once (`+retry=0`) unless the query says otherwise."""
    command = [require_program(program, PACKAGES[program]), f"@{server}", "-p", str(port)]
    options = [
        f"+timeout={timeout}",
        "+retry=0",
        *(["+noall", "+comments", "+answer", "+authority"] * (program == "dig")),
    ]
    done = subprocess.run([*command, *options, *query], capture_output=True, text=True, timeout=60, check=False)
    return parse(done.stdout, done.returncode)


def parse(text: str, exit_status: int = 0) -> Answer:
    """Read the output of dig or kdig."""
    status = _STATUS.search(text)
    flags = _FLAGS.search(text)
    return Answer(
        text,
        exit_status,
        status[1] if status else "",
        frozenset(flags[1].split()) if flags else frozenset(),
        tuple(int(code) for code in _EDE.findall(text)),
        _sections(text),
    )


def _sections(text: str) -> dict[str, list[Record]]:
    sections: dict[str, list[Record]] = {}
    current: list[Record] = []
    for line in text.splitlines():
        heading = _SECTION.match(line)
        if heading:
            current = sections.setdefault(heading[1], [])
        elif line and not line.startswith(";"):
            owner, ttl, _, rtype, rdata = line.split(None, 4)
            current.append(Record(owner, int(ttl), rtype, rdata))
    return sections
