"""Whether the answer section of a response belongs to its question; knows nothing of the other sections."""

from collections.abc import Iterator
from typing import Final

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import Type
from dnsfilter.wire.name import read_name
from dnsfilter.wire.query import RECORD
from dnsfilter.wire.response import POINTER_TO_QNAME

MAX_CHAIN: Final = 11
"""How many aliases may stand between a question and its answer (RFC 1034 section 3.6.2 sets none; unbound's bound)."""

MAX_NAMES_SIZE: Final = 65_535
"""How many octets the names may have that are read for it: all that a message without compression could hold."""

_HEADER_SIZE: Final = 12
_CNAME, _DNAME = int(Type.CNAME), int(Type.DNAME)
_POINTER: Final = 0xC0
_unpack_record: Final = RECORD.unpack_from
_PLAIN_SIZE: Final = 2 + RECORD.size

_Owners = tuple[set[bytes], set[tuple[bytes, bytes]], set[bytes]]


def follows_question(message: bytes, start: int, count: int) -> bool:
    """Whether each of some records at `start` is about the question's name or one that its aliases lead to.

    The aliases form one chain without a loop, in any order (RFC 1034 section 4.3.2); a DNAME stands above one of its
    names (RFC 6672 section 3). WireError where a name cannot be read.
    """
    if _is_plain(message, start, count):
        return True
    owners, pairs, renamed = _read_owners(message, start, count)
    aliases = dict(pairs)
    if len(aliases) < len(pairs):  # RFC 2181 section 10.1
        return False
    chain = [read_name(message, _HEADER_SIZE)[0].lower()]
    while (target := aliases.get(chain[-1])) is not None:
        if target in chain or len(chain) > MAX_CHAIN:
            return False
        chain.append(target)
    strangers = owners - set(chain)
    return not strangers or (
        strangers <= renamed and strangers <= {above for name in chain for above in ancestors(name)}
    )


def _is_plain(message: bytes, offset: int, count: int) -> bool:
    """Whether all records are owned by a pointer to the question, and none is an alias: as most answers are."""
    for _ in range(count):
        if message[offset : offset + 2] != POINTER_TO_QNAME:
            return False
        rtype, _, _, length = _unpack_record(message, offset + 2)
        if rtype == _CNAME:
            return False
        offset += _PLAIN_SIZE + length
    return True


def ancestors(name: bytes) -> Iterator[bytes]:
    """Yield the names above one in wire form, the nearest first, the root not included."""
    offset = 1 + name[0]
    while size := name[offset : offset + 1]:
        if size == b"\0":
            return
        yield name[offset:]
        offset += 1 + size[0]


def _read_owners(message: bytes, offset: int, count: int) -> _Owners:
    """Return the owners of records, aliases among them with what they lead to, and who is renamed; in lower case."""
    names = _Names(message)
    owners: set[bytes] = set()
    aliases: set[tuple[bytes, bytes]] = set()
    renamed: set[bytes] = set()
    for _ in range(count):
        owner, end = names.read(offset)
        rtype, _, _, length = RECORD.unpack_from(message, end)
        rdata = end + RECORD.size
        offset = rdata + length
        owners.add(owner)
        if rtype == _DNAME:
            renamed.add(owner)
        elif rtype == _CNAME:
            aliases.add((owner, names.read(rdata)[0]))
    return owners, aliases, renamed


class _Names:
    """Reads names of a message in lower case; what a pointer stands for is read once, and all of it is bounded."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._known: dict[bytes, bytes] = {}
        self._room = MAX_NAMES_SIZE

    def read(self, offset: int) -> tuple[bytes, int]:
        """Return the name at `offset` and where it ends."""
        message = self._message
        is_pointer = message[offset] >= _POINTER
        known = self._known.get(message[offset : offset + 2]) if is_pointer else None
        if known is not None:
            return known, offset + 2
        name, end = read_name(message, offset)
        name = name.lower()  # no length octet is a letter: 63 < ord("A")
        self._room -= len(name)
        if self._room < 0:
            raise WireError("more names than a message without compression could hold")
        if is_pointer:
            self._known[message[offset : offset + 2]] = name
        return name, end
