"""An answer without `ech` (RFC 9460 section 7.3, draft-ietf-tls-svcb-ech), so that the ClientHello shows its name.

What stands behind shorter data would leave compression pointers wrong; so the answer is written anew, names in full.
"""

from dnsfilter.wire.codes import Type
from dnsfilter.wire.framing import MAX_MESSAGE
from dnsfilter.wire.name import read_name
from dnsfilter.wire.query import RECORD
from dnsfilter.wire.response import POINTER_TO_QNAME, Answer, Records
from dnsfilter.wire.svcb import SERVICES, read_params, without_ech, write_params

_HEADER_SIZE = 12
_NAME_OFFSETS = {int(Type.CNAME): 0, int(Type.DNAME): 0, int(Type.SVCB): 2, int(Type.HTTPS): 2}
"""What an answer to a question for service bindings leads on by, and where in the data its name stands."""

_RRSIG = int(Type.RRSIG)


def remove_ech(question: bytes, answer: Answer, *, even_signed: bool) -> Records | None:
    """Return the answer section anew, without `ech`; None where it is signed and shall stay as it is.

    Signatures of what is changed, and the sections that are optional in a positive answer, are left out. Stops beyond
    what a message can hold, which whoever sends it truncates.
    """
    start = _HEADER_SIZE + len(question)
    message = bytes(_HEADER_SIZE) + question + answer.body
    body, ttls, count, offset = bytearray(), list[int](), 0, start
    for _ in range(answer.answers):
        owner, head = read_name(message, offset)
        rtype, rclass, ttl, length = RECORD.unpack_from(message, head)
        rdata = head + RECORD.size
        offset = rdata + length
        if rtype == _RRSIG and not even_signed:
            return None
        if rtype not in _NAME_OFFSETS:
            continue
        data = _write_data(message, rtype, rdata, offset)
        body += POINTER_TO_QNAME if owner.lower() == question[:-4].lower() else owner
        ttls.append(len(body) + 4)
        body += RECORD.pack(rtype, rclass, ttl, len(data)) + data
        count += 1
        if len(body) > MAX_MESSAGE:
            break
    return Records(count, body=bytes(body), ttls=tuple(ttls))


def _write_data(message: bytes, rtype: int, rdata: int, end: int) -> bytes:
    start = rdata + _NAME_OFFSETS[rtype]
    name, rest = read_name(message, start)
    tail = message[rest:end]
    if rtype in SERVICES:
        tail = write_params(without_ech(read_params(tail)))
    return message[rdata:start] + name + tail
