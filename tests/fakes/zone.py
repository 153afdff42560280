"""Zone data as a resolver that validates serves it: answers, NODATA or NXDOMAIN, TC where a datagram is full."""

from collections.abc import Sequence

from dnslib import QTYPE, RR, DNSError, DNSHeader, DNSRecord

from tests.fakes.messages import edns


class Zone:
    """Records by owner and type.

    Answers have AD set, RD, RA and CD as a resolver sets them, and owners in the letters of the question.
    """

    def __init__(self, records: Sequence[RR]) -> None:
        self._records = records
        self._soa = [rr for rr in records if rr.rtype == QTYPE.SOA]

    def answer(self, query: bytes) -> list[bytes]:
        """Return the response to a query; dnslib reads no names but UTF-8, so there is none to others."""
        try:
            asked = DNSRecord.parse(query)
        except DNSError:
            return []
        name = str(asked.q.qname).lower()
        own = [rr for rr in self._records if str(rr.rname).lower() == name]
        flags = 0x81A0 | asked.header.bitmap & 0x0010
        response = DNSRecord(DNSHeader(id=asked.header.id, bitmap=flags), q=asked.q)
        response.header.rcode = 0 if own else 3
        for rr in [rr for rr in own if rr.rtype == asked.q.qtype]:
            response.add_answer(RR(asked.q.qname, rr.rtype, rr.rclass, rr.ttl, rr.rdata))
        if not response.rr:
            response.add_auth(*self._soa)
        response.add_ar(edns(do=any(rr.rtype == QTYPE.OPT and rr.edns_do for rr in asked.ar)))
        return [bytes(response.pack())]

    def answer_datagram(self, query: bytes) -> list[bytes]:
        """Return the response to a query over UDP, with TC and nothing else where it is too long."""
        whole = self.answer(query)
        if not whole or len(whole[0]) <= 1232:
            return whole
        asked = DNSRecord.parse(query)
        response = DNSRecord(DNSHeader(id=asked.header.id, bitmap=0x83A0), q=asked.q)
        return [bytes(response.pack())]
