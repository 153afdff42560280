"""What several commands print: rows as a table or as JSON lines, and times."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Fields = dict[str, Any]

_COMPOSITE = {dict, tuple}
"""Types that are shown as something else than `str` says."""


@lru_cache(maxsize=100_000)
def format_time(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 has them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def print_rows(rows: Iterable[Fields], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows whole as JSON lines, or these columns of them aligned under a heading."""
    if as_json:
        sys.stdout.writelines(f"{json.dumps(row)}\n" for row in rows)
    else:
        print_table(([row[column] for column in columns] for row in rows), columns)


def print_table(rows: Iterable[Sequence[object]], columns: Sequence[str]) -> None:
    """Print rows, whose values are in the order of the columns, aligned under a heading."""
    values = list(zip(*rows, strict=True))
    if values:
        headings = [column.upper().replace("_", " ") for column in columns]
        texts = [[heading, *_to_texts(column)] for heading, column in zip(headings, values, strict=True)]
        line = "  ".join(f"{{:{max(map(len, column))}}}" for column in texts).format
        sys.stdout.writelines(f"{text.rstrip()}\n" for text in map(line, *texts))


def _to_texts(column: Sequence[object]) -> Sequence[str]:
    """Return `to_text` of each value; a column of plain values, however long, is looked at in one go."""
    if _COMPOSITE.isdisjoint(map(type, column)):
        texts = [*map(str, column)]
        if "".join(texts).isprintable():
            return texts
    return [*map(to_text, column)]


def to_text(value: object) -> str:
    """Return a value as a person reads it, on one line; control characters stand escaped."""
    if isinstance(value, str) and value.isprintable():
        return str(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {to_text(each)}" for key, each in value.items())
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if text.isprintable() else ascii(text)[1:-1]
