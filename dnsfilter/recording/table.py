"""A recording as CSV: `time,client,name,qtype,channel,detail`, the columns in any order, the last three optional.

`qtype` is for people and proves nothing.

A line that cannot be read is a problem and the rest goes on. Reads no file.
"""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address

from dnsfilter.errors import Problem
from dnsfilter.model import Channel
from dnsfilter.names import canonical
from dnsfilter.recording.lookup import Lookup, Lookups, check_time

COLUMNS = ("time", "client", "name", "qtype", "channel", "detail")
REQUIRED = COLUMNS[:3]
MAX_CLIENT = 200
ROOT = "."

_CHANNELS = {channel.value: channel for channel in Channel}


def parse_table(text: str, file: str) -> Lookups:
    """Yield the lookups of a table."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), skipinitialspace=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [column for column in REQUIRED if column not in header]
        if missing:
            yield Problem(f"has no column {missing[0]!r}; its first line is {','.join(header)[:MAX_CLIENT]!r}", file, 1)
            return
        for values in reader:
            if any(map(str.strip, values)):
                yield from _parse_row(dict(zip(header, map(str.strip, values), strict=False)), file, reader.line_num)
    except csv.Error as error:
        yield Problem(str(error), file, reader.line_num)


def _parse_row(row: dict[str, str], file: str, line: int) -> Iterator[Lookup | Problem]:
    column = ""
    try:
        column = "time"
        time = parse_time(row.get(column, ""))
        column = "client"
        client = _parse_client(row.get(column, ""))
        column = "channel"
        channel = _parse_channel(row.get(column, ""))
        column = "name"
        name, channel = parse_target(row.get(column, ""), channel)
    except ValueError as error:
        yield Problem(str(error), file, line, column)
    else:
        yield Lookup(time, client, name, channel, row.get("detail", ""))


def parse_time(text: str) -> float:
    """Parse an RFC 3339 time, which has an offset; ValueError otherwise."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return check_time(moment.timestamp())
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text[:MAX_CLIENT]!r} is not an RFC 3339 time such as 2023-03-15T06:00:00Z")


def parse_target(text: str, channel: Channel) -> tuple[str, Channel]:
    """Return what a lookup is for and its channel, which is `ip` where something but DNS is asked for an address."""
    if text == ROOT:
        return text, channel
    if channel is Channel.DNS:
        return canonical(text), channel
    try:
        return str(ip_address(text.strip("[]"))), Channel.IP
    except ValueError:
        if channel is Channel.IP:
            raise ValueError(f"{text!r} is not an IP address") from None
        return canonical(text), channel


def _parse_client(text: str) -> str:
    if not text or len(text) > MAX_CLIENT or not text.isprintable():
        raise ValueError(f"{text[:MAX_CLIENT]!r} does not name a client in 1 to {MAX_CLIENT} characters")
    return text


def _parse_channel(text: str) -> Channel:
    if text and text.lower() not in _CHANNELS:
        raise ValueError(f"{text[:MAX_CLIENT]!r} is not one of {', '.join(_CHANNELS)}")
    return _CHANNELS[text.lower()] if text else Channel.DNS
