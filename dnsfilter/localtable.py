"""Much local data made ready once, for processes that must not stop for it: names in a trie, records in wire form.

A hosts file may have 100,000 names. Whoever compiles puts their records in a `LocalTable`; whoever answers reads those
of the name that is asked for and holds no object for any other. Pure.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

import marisa_trie

from dnsfilter.wire.query import RECORD
from dnsfilter.wire.response import POINTER_TO_QNAME

_PLACE = struct.Struct("<II")
_OFFSET = struct.Struct("<I")
_HEAD = len(POINTER_TO_QNAME)
_unpack_record = RECORD.unpack_from


@dataclass(frozen=True, slots=True)
class LocalTable:
    """Records by owner: of the name whose id in the trie is i, those in `octets` between offsets i and i + 1."""

    names: marisa_trie.Trie = field(default_factory=marisa_trie.Trie)
    offsets: bytes = bytes(_OFFSET.size)
    octets: bytes = b""

    @classmethod
    def from_sections(cls, names: bytes, offsets: bytes, octets: bytes) -> "LocalTable":
        """Return the table whose `sections` these are."""
        return cls(marisa_trie.Trie().frombytes(names), offsets, octets)

    @property
    def sections(self) -> tuple[bytes, bytes, bytes]:
        """What the table is made of, to be kept in a file."""
        return self.names.tobytes(), self.offsets, self.octets

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def get(self, name: str) -> dict[int, list[bytes]]:
        """Return the records of a name by type, each owned by the question's name; none where it has none."""
        number = self.names.get(name)
        types: dict[int, list[bytes]] = {}
        if number is not None:
            start, end = _PLACE.unpack_from(self.offsets, number * _OFFSET.size)
            for rtype, record in _split(self.octets[start:end]):
                types.setdefault(rtype, []).append(record)
        return types


NO_TABLE = LocalTable()


def _split(octets: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(octets):
        rtype, _, _, length = _unpack_record(octets, start + _HEAD)
        end = start + _HEAD + RECORD.size + length
        yield rtype, octets[start:end]
        start = end


def make_table(records: Mapping[str, Iterable[bytes]]) -> LocalTable:
    """Return the table of records in wire form by their owners, canonical names; the same record once."""
    names = marisa_trie.Trie(records)
    places = [b""] * len(names)
    for name, each in records.items():
        places[names[name]] = b"".join(dict.fromkeys(each))
    ends = accumulate(map(len, places), initial=0)
    return LocalTable(names, b"".join(map(_OFFSET.pack, ends)), b"".join(places))
