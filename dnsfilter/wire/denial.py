"""A denial that stands behind any question: its proof, free of the compression that ties it to one name."""

from typing import Final

from dnsfilter.errors import WireError
from dnsfilter.wire.chain import ancestors
from dnsfilter.wire.codes import Type
from dnsfilter.wire.name import read_name, skip_name
from dnsfilter.wire.query import HEADER, RECORD
from dnsfilter.wire.response import Answer

_HEADER_SIZE: Final = 12
_QUESTION_TAIL: Final = 4
_SOA_TIMES_SIZE: Final = 20
_SOA: Final = int(Type.SOA)
_SOA_BYTES: Final = _SOA.to_bytes(2, "big")
_PROOF: Final = frozenset(map(int, (Type.SOA, Type.NSEC, Type.NSEC3, Type.RRSIG)))
"""What proves that a name does not exist also proves it of all below it (RFC 8020 section 2, RFC 5155 section 8.4)."""


def generalize(answer: Answer, name: bytes) -> Answer:
    """Return the denial of a name (wire form) as one that may stand behind the question for any name."""
    message = bytes(_HEADER_SIZE) + name + bytes(_QUESTION_TAIL) + answer.body
    offset = len(message) - len(answer.body)
    body, count = b"", 0
    for _ in range(answer.authorities):
        record, offset = _read_record(message, offset)
        if record is not None:
            count += 1
            body += b"".join(record)
    general = Answer(HEADER.pack(0, answer.flags, 1, 0, count, 0) + body, 0, answer.stored)
    general.expires, general.is_wanted, general.is_renewed = answer.expires, answer.is_wanted, answer.is_renewed
    general.is_general = True
    return general


def is_about(answer: Answer, name: bytes) -> bool:
    """Whether a denial has the SOA record of a zone that the name (wire form) is in (RFC 2308 section 2)."""
    message = bytes(_HEADER_SIZE) + name + bytes(_QUESTION_TAIL) + answer.body
    offset = len(message) - len(answer.body)
    for _ in range(answer.authorities):
        record, offset = _read_record(message, offset)
        if record is not None and record[1].startswith(_SOA_BYTES):
            owner = record[0].lower()
            return owner in {name, b"\0"} or any(owner == above for above in ancestors(name))
    return False


def _read_record(message: bytes, offset: int) -> tuple[tuple[bytes, bytes] | None, int]:
    """Return a record as its owner and what follows, None where it is no part of a proof, and where it ends."""
    end = skip_name(message, offset)
    rtype, rclass, ttl, length = RECORD.unpack_from(message, end)
    rdata, following = end + RECORD.size, end + RECORD.size + length
    if rtype not in _PROOF:
        return None, following
    try:
        owner, _ = read_name(message, offset)
        data = _read_soa(message, rdata, following) if rtype == _SOA else message[rdata:following]
    except WireError:
        return None, following
    return (owner, RECORD.pack(rtype, rclass, ttl, len(data)) + data), following


def _read_soa(message: bytes, offset: int, end: int) -> bytes:
    """Return the data of a SOA record with its names in full; the other types of a proof have none compressed."""
    primary, offset = read_name(message, offset)
    mailbox, offset = read_name(message, offset)
    if offset + _SOA_TIMES_SIZE != end:
        raise WireError("SOA of a wrong length")
    return primary + mailbox + message[offset:end]
