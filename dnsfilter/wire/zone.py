"""Records in presentation form (RFC 1035 section 5) -> owner, type and `Records`, through dnslib."""

from dnslib import RR, DNSBuffer

from dnsfilter.wire.name import from_text, to_text
from dnsfilter.wire.query import RECORD
from dnsfilter.wire.response import POINTER_TO_QNAME


def parse_record(line: str) -> tuple[str, int, bytes]:
    """Return canonical owner, type, and the record in wire form owned by the question's name.

    ValueError says what is wrong with the line.
    """
    try:
        records = RR.fromZone(line)
        owners = [to_text(from_text(str(record.rname).lower())) for record in records]
        rdata = [_pack(record) for record in records]
    except Exception as error:  # noqa: BLE001 - dnslib raises whatever its parsing trips over
        raise ValueError(f"{line!r} is not a record: {error}") from None
    if len(records) != 1:
        raise ValueError(f"{line!r} is not one record")
    record = records[0]
    head = RECORD.pack(record.rtype, record.rclass, record.ttl, len(rdata[0]))
    return owners[0], record.rtype, POINTER_TO_QNAME + head + rdata[0]


def _pack(record: RR) -> bytes:
    buffer = DNSBuffer()
    buffer.encode_name = buffer.encode_name_nocompress  # its pointers would count from the record, not the message
    record.rdata.pack(buffer)
    return bytes(buffer.data)
