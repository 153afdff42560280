"""The answers that we make up for listed names: one per action, each with what RFC 2308 and RFC 8914 ask for."""

from dnsfilter.model import Decision, DnsAction
from dnsfilter.settings.resolver import Sinkhole
from dnsfilter.wire.codes import ExtendedError, Rcode, Type
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import NO_RECORDS, Records, build_address, build_response, build_soa, parent_pointer

_NULL = {Type.A: b"\0" * 4, Type.AAAA: b"\0" * 16}


class BlockedAnswers:
    """Builds blocked answers for one configuration of the sinkhole."""

    def __init__(self, sinkhole: Sinkhole) -> None:
        self._ttl = sinkhole.ttl
        self._addresses = {
            DnsAction.SINKHOLE: {Type.A: sinkhole.ipv4.packed, Type.AAAA: sinkhole.ipv6.packed},
            DnsAction.NULL: _NULL,
        }

    def build(self, query: Query, decision: Decision) -> tuple[bytes, Rcode]:
        """Return the response to a query, and its rcode; a name that is answered before any policy is not "blocked"."""
        rcode, records = self._choose(query, decision.dns)
        if not decision.is_sighting or decision.rule is None:
            return build_response(query, rcode, records), rcode
        text = f"app {decision.rule.app}"
        return build_response(query, rcode, records, error=ExtendedError.BLOCKED, error_text=text), rcode

    def _choose(self, query: Query, action: DnsAction) -> tuple[Rcode, Records]:
        if action is DnsAction.REFUSED:
            return Rcode.REFUSED, NO_RECORDS
        if action is DnsAction.NXDOMAIN:
            return Rcode.NXDOMAIN, build_soa(self._ttl, owner=parent_pointer(query))
        address = self._addresses.get(action, {}).get(query.qtype)
        if address is None:
            return Rcode.NOERROR, build_soa(self._ttl)
        return Rcode.NOERROR, build_address(query.qtype, address, self._ttl)
