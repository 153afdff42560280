"""The answers that we make up for listed names: one per action, each with what RFC 2308 and RFC 8914 ask for."""

from collections.abc import Mapping
from functools import lru_cache

from dnsfilter.localdata import LocalData, Types, read_records
from dnsfilter.model import Decision, DnsAction
from dnsfilter.settings.resolver import Sinkhole
from dnsfilter.wire.codes import ExtendedError, Rcode, Type
from dnsfilter.wire.opt import build_extended_error
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import NO_RECORDS, Records, build_address, build_response, build_soa, parent_pointer

MAX_DATA = 1000
"""How many rules' local data is remembered as it was read."""

_ANY_OWNER = "trigger."

_NULL = {Type.A: b"\0" * 4, Type.AAAA: b"\0" * 16}
_SYNTHESIZED = (build_extended_error(ExtendedError.SYNTHESIZED),)
_FORGED = build_extended_error(ExtendedError.FORGED_ANSWER)
_BLOCKED = build_extended_error(ExtendedError.BLOCKED)


class BlockedAnswers:
    """Builds blocked answers for one configuration of the sinkhole.

    `text` is what clients are told beside the app, `policy_texts` what they are told instead by policies of their own.
    `local` are the records among which an alias in a list's local data may lead on.
    """

    def __init__(self, sinkhole: Sinkhole, text: str, policy_texts: Mapping[str, str], local: LocalData) -> None:
        self._ttl = sinkhole.ttl
        self._addresses = {
            DnsAction.SINKHOLE: {Type.A: sinkhole.ipv4.packed, Type.AAAA: sinkhole.ipv6.packed},
            DnsAction.NULL: _NULL,
        }
        self._text = text
        self._policy_texts = policy_texts
        self._local = local
        self._errors: dict[tuple[str, str], tuple[bytes, bytes]] = {}

    def build(self, query: Query, decision: Decision) -> tuple[bytes, Rcode]:
        """Return the response to a query, empty where that is silence, and its rcode.

        A name that is answered before any policy is not "blocked".
        """
        if decision.dns is DnsAction.DROP:
            return b"", Rcode.REFUSED
        rcode, records = self._choose(query, decision)
        if query.version < 0:
            return build_response(query, rcode, records), rcode
        errors = self._explain(decision, is_forged=records.answers > 0)
        return build_response(query, rcode, records, errors=errors), rcode

    def _choose(self, query: Query, decision: Decision) -> tuple[Rcode, Records]:
        action, data = decision.dns, decision.rule.data if decision.rule else ()
        if data:
            return Rcode.NOERROR, self._local.follow(_read_data(data), query.qtype)
        if action is DnsAction.REFUSED:
            return Rcode.REFUSED, NO_RECORDS
        if action is DnsAction.NXDOMAIN:
            return Rcode.NXDOMAIN, build_soa(self._ttl, owner=parent_pointer(query))
        address = self._addresses.get(action, {}).get(query.qtype)
        if address is None:
            return Rcode.NOERROR, build_soa(self._ttl)
        return Rcode.NOERROR, build_address(query.qtype, address, self._ttl)

    def _explain(self, decision: Decision, *, is_forged: bool) -> tuple[bytes, ...]:
        """Return what extended errors say, in versions ever shorter.

        Blocked is why, Forged Answer is what was done where there still is an answer (RFC 8914 sections 4.5 and 4.16).
        """
        if not decision.is_sighting or decision.rule is None:
            return _SYNTHESIZED
        app, policy = decision.rule.app, decision.policy
        texts = self._errors.get((app, policy))
        if texts is None:
            text = self._policy_texts.get(policy) or self._text
            blocked = build_extended_error(ExtendedError.BLOCKED, f"app {app}; {text}" if text else f"app {app}")
            texts = self._errors[app, policy] = (blocked, blocked + _FORGED)
        if is_forged:
            return texts[1], _BLOCKED + _FORGED, _BLOCKED
        return texts[0], _BLOCKED


@lru_cache(MAX_DATA)
def _read_data(data: tuple[str, ...]) -> Types:
    return read_records(f"{_ANY_OWNER} {record}" for record in data)
