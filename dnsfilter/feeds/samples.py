"""A sample of names in a file: CSV of `name,count` without a header or with just this one.

Where a count stands beside no name, it is that of all names together. A line that cannot be read is a problem and the
rest goes on.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds.sources import read_text
from dnsfilter.names import canonical
from dnsfilter.sample import TOTAL, SampledNames

HEADER = ["name", "count"]
MAX_SHOWN = 80
MAX_DIGITS = 15


def read_names(path: Path) -> tuple[SampledNames, list[Problem]]:
    """Return the sample in a file and what is wrong with it; InputError where nothing can be read."""
    names, problems = parse_names(read_text(path)[0], str(path))
    if problems and not names.names:
        raise InputError(problems[:3])
    return names, problems


def parse_names(text: str, file: str) -> tuple[SampledNames, list[Problem]]:
    """Return the sample in a text, and its lines that cannot be read."""
    counts: Counter[str] = Counter()
    problems: list[Problem] = []
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        for row in reader:
            try:
                counts.update(_read_row(row, is_first=reader.line_num == 1))
            except ValueError as error:
                problems.append(Problem(str(error), file, reader.line_num))
    except csv.Error as error:
        problems.append(Problem(str(error), file, reader.line_num))
    total = counts.pop(TOTAL, 0)
    return SampledNames(max(total, counts.total()), dict(counts)), problems


def write_names(sample: SampledNames) -> Iterator[str]:
    """Yield the lines of a sample, the largest count first."""
    yield ",".join(HEADER) + "\n"
    yield f",{sample.total}\n"
    for name, count in sorted(sample.names.items(), key=lambda item: (-item[1], item[0])):
        yield f"{name},{count}\n"


def _read_row(row: list[str], *, is_first: bool) -> dict[str, int]:
    if not row or (is_first and [field.strip().lower() for field in row] == HEADER):
        return {}
    if len(row) != len(HEADER):
        raise ValueError(f"{','.join(row)[:MAX_SHOWN]!r} is not name,count")
    name, count = map(str.strip, row)
    if not (count.isascii() and count.isdigit() and len(count) <= MAX_DIGITS):
        raise ValueError(f"{count[:MAX_SHOWN]!r} is not how often a name was asked for")
    return {_read_name(name): int(count)}


def _read_name(text: str) -> str:
    """Return a name as it is matched; octets of any kind may stand escaped in it."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text.lower().removesuffix(".")
    return canonical(text)
