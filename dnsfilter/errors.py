"""The exception tree: few classes; each docstring is the default message.

Nothing else lives here. Whoever catches `DnsfilterError` at a border may show its text to a user.
"""

from collections.abc import Iterable
from dataclasses import dataclass


class DnsfilterError(Exception):
    """Something dnsfilter was asked to do failed."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where (file, line, key) and what, naming the offending value.

    `blocklist` is the list that cannot be used because of it, if that is known.
    """

    message: str
    file: str = ""
    line: int = 0
    key: str = ""
    blocklist: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.message) if part)


class InputError(DnsfilterError):
    """The input is wrong."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class WireError(DnsfilterError):
    """The bytes are not a well-formed DNS message."""


class SnapshotError(DnsfilterError):
    """The snapshot cannot be used."""


class StoreError(DnsfilterError):
    """The store cannot be used."""


class ProcessError(DnsfilterError):
    """A part of dnsfilter cannot be started."""
