"""What several commands print: rows as a table or as JSON lines, and times."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Fields = dict[str, Any]


@lru_cache(maxsize=100_000)
def format_time(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 has them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def print_rows(rows: Iterable[Fields], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows whole as JSON lines, or these columns of them aligned under a heading."""
    if as_json:
        sys.stdout.writelines(f"{json.dumps(row)}\n" for row in rows)
        return
    lines = [[to_text(row[column]) for column in columns] for row in rows]
    if lines:
        table = [[column.upper().replace("_", " ") for column in columns], *lines]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        sys.stdout.writelines("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in table)


def to_text(value: object) -> str:
    """Return a value as a person reads it, on one line; control characters stand escaped."""
    if isinstance(value, str) and value.isprintable():
        return str(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {to_text(each)}" for key, each in value.items())
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if text.isprintable() else ascii(text)[1:-1]
