"""The inventory: a CSV export of the device management, `id,name,owner,mail,group,mac,ip,language`.

Several MACs or addresses in a field are separated by spaces or `;`. A line that cannot be read is a problem and the
rest goes on. Reads no file.
"""

import csv
import io
from collections.abc import Callable, Container, Iterator

from dnsfilter.clients.addresses import canonical_address, parse_mac
from dnsfilter.errors import Problem
from dnsfilter.model import LANGUAGES, Device

COLUMNS = ("id", "name", "owner", "mail", "group", "mac", "ip", "language")
MAX_ID = 200

_Row = dict[str, str]


def parse_inventory(text: str, file: str, groups: Container[str]) -> tuple[list[Device], list[Problem]]:
    """Parse an inventory whose groups should be among `groups`; a device of another group counts by its network."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), skipinitialspace=True)
    parser = _Parser(file, groups)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [column for column in ("id",) if column not in header]:
            return [], [Problem(f"has no column {missing[0]!r}; its first line is {','.join(header)!r}", file, 1)]
        for fields in reader:
            values = [*map(str.strip, fields)]
            if any(values):
                parser.take(dict(zip(header, values, strict=False)), reader.line_num)
    except csv.Error as error:
        parser.complain(str(error), reader.line_num)
    return parser.devices, parser.problems


class _Parser:
    """Collects devices and problems, and remembers what was claimed on which line."""

    def __init__(self, file: str, groups: Container[str]) -> None:
        self.devices: list[Device] = []
        self.problems: list[Problem] = []
        self._file = file
        self._groups = groups
        self._claimed: dict[tuple[str, str], int] = {}

    def complain(self, message: str, line: int, key: str = "") -> None:
        self.problems.append(Problem(message, self._file, line, key))

    def take(self, row: _Row, line: int) -> None:
        """Add the device of one row."""
        identifier = row.get("id", "")
        if not identifier or len(identifier) > MAX_ID or not identifier.isprintable():
            self.complain(f"{identifier[:MAX_ID]!r} is not an id of 1 to {MAX_ID} characters", line, "id")
        elif self._claim("id", identifier, line):
            macs = tuple(dict.fromkeys(self._parse_all(row, "mac", parse_mac, line)))
            addresses = tuple(dict.fromkeys(self._parse_all(row, "ip", canonical_address, line)))
            get = row.get
            group, language = self._group(row, line), self._language(row, line)
            self.devices.append(
                Device(identifier, get("name", ""), get("owner", ""), get("mail", ""), group, macs, addresses, language)
            )

    def _group(self, row: _Row, line: int) -> str:
        group = row.get("group", "")
        if group and group not in self._groups:
            self.complain(f"there is no group {group!r}", line, "group")
            return ""
        return group

    def _language(self, row: _Row, line: int) -> str:
        language = row.get("language", "").lower()[:2]
        if language and language not in LANGUAGES:
            self.complain(f"{language!r} is none of {', '.join(LANGUAGES)}", line, "language")
            return ""
        return language

    def _parse_all(self, row: _Row, column: str, parse: Callable[[str], str], line: int) -> Iterator[str]:
        for text in row.get(column, "").replace(";", " ").split():
            try:
                value = parse(text)
            except ValueError as error:
                self.complain(str(error), line, column)
            else:
                self._claim(column, value, line)
                yield value

    def _claim(self, column: str, value: str, line: int) -> bool:
        """Note who claims a value; whether nobody did before."""
        first = self._claimed.setdefault((column, value), line)
        if first != line:
            self.complain(f"{value!r} is already claimed on line {first}", line, column)
        return first == line
