"""The inventory: a CSV export of the device management, `id,name,owner,mail,group,mac,ip,language`.

Several MACs or addresses in a field are separated by spaces or `;`. A line that cannot be read is a problem and the
rest goes on. Reads no file.
"""

import csv
import io
from collections.abc import Callable, Container, Sequence
from operator import itemgetter
from typing import NamedTuple

from dnsfilter.clients.addresses import canonical_address, parse_mac
from dnsfilter.errors import Problem
from dnsfilter.model import LANGUAGES, Device

COLUMNS = ("id", "name", "owner", "mail", "group", "mac", "ip", "language")
MAX_ID = 200


class _Row(NamedTuple):
    """The fields of one line, in the order of `COLUMNS`."""

    id: str
    name: str
    owner: str
    mail: str
    group: str
    mac: str
    ip: str
    language: str


def parse_inventory(text: str, file: str, groups: Container[str]) -> tuple[list[Device], list[Problem]]:
    """Parse an inventory whose groups should be among `groups`; a device of another group counts by its network."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), skipinitialspace=True)
    parser = _Parser(file, groups)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if "id" not in header:
            return [], [Problem(f"has no column 'id'; its first line is {','.join(header)!r}", file, 1)]
        pick = _choose(header)
        for fields in reader:
            row = pick([*map(str.strip, fields)])
            if any(row):
                parser.take(row, reader.line_num)
    except csv.Error as error:
        parser.complain(str(error), reader.line_num)
    return parser.devices, parser.problems


def _choose(header: Sequence[str]) -> Callable[[list[str]], _Row]:
    """Return what makes a row of the fields of a line: those under its columns, empty where there is none."""
    places = {name: place for place, name in enumerate(header)}
    width = len(header)
    choose = itemgetter(*(places.get(column, width) for column in COLUMNS))
    nothing = [""] * (width + 1)

    def pick(fields: list[str]) -> _Row:
        fields[width:] = ()
        return _Row._make(choose(fields + nothing[len(fields) :]))

    return pick


class _Parser:
    """Collects devices and problems, and remembers what was claimed on which line."""

    def __init__(self, file: str, groups: Container[str]) -> None:
        self.devices: list[Device] = []
        self.problems: list[Problem] = []
        self._file = file
        self._groups = groups
        self._claimed: dict[str, dict[str, int]] = {"id": {}, "mac": {}, "ip": {}}

    def complain(self, message: str, line: int, key: str = "") -> None:
        self.problems.append(Problem(message, self._file, line, key))

    def take(self, row: _Row, line: int) -> None:
        """Add the device of one row."""
        identifier, name, owner, mail, group, mac, ip, language = row
        if not identifier or len(identifier) > MAX_ID or not identifier.isprintable():
            self.complain(f"{identifier[:MAX_ID]!r} is not an id of 1 to {MAX_ID} characters", line, "id")
        elif self._claim("id", identifier, line):
            macs = self._parse_all("mac", mac, parse_mac, line) if mac else ()
            addresses = self._parse_all("ip", ip, canonical_address, line) if ip else ()
            group = self._check_group(group, line) if group else ""
            language = self._parse_language(language, line) if language else ""
            self.devices.append(Device(identifier, name, owner, mail, group, macs, addresses, language))

    def _check_group(self, group: str, line: int) -> str:
        if group in self._groups:
            return group
        self.complain(f"there is no group {group!r}", line, "group")
        return ""

    def _parse_language(self, text: str, line: int) -> str:
        language = text.lower()[:2]
        if language in LANGUAGES:
            return language
        self.complain(f"{language!r} is none of {', '.join(LANGUAGES)}", line, "language")
        return ""

    def _parse_all(self, column: str, text: str, parse: Callable[[str], str], line: int) -> tuple[str, ...]:
        values: dict[str, None] = {}
        for word in text.replace(";", " ").split():
            try:
                value = parse(word)
            except ValueError as error:
                self.complain(str(error), line, column)
            else:
                self._claim(column, value, line)
                values[value] = None
        return tuple(values)

    def _claim(self, column: str, value: str, line: int) -> bool:
        """Note who claims a value; whether nobody did before."""
        first = self._claimed[column].setdefault(value, line)
        if first != line:
            self.complain(f"{value!r} is already claimed on line {first}", line, column)
        return first == line
