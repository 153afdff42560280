"""The hub: the whole path of a query, without I/O and without a clock.

    receive   parse -> seat -> decide -> blocked | local | cached answer | Pending
    accept    an upstream's response -> checked and cached
    finish    Pending + answer -> CNAME targets and addresses against the policy -> response
    fail      Pending that no upstream answered -> stale answer or SERVFAIL

`now` is seconds of a monotonic clock, `today` seconds since the epoch.
"""

import logging
from collections.abc import Callable
from typing import Any

from dnsfilter.answers import BlockedAnswers
from dnsfilter.cache import STALE_TTL, Cache
from dnsfilter.clients.directory import Directory
from dnsfilter.config import Configuration
from dnsfilter.errors import WireError
from dnsfilter.localdata import LocalData
from dnsfilter.memo import Entry
from dnsfilter.model import Decision, Outcome, Transport
from dnsfilter.policy.decisions import NOT_LISTED
from dnsfilter.policy.engine import Engine
from dnsfilter.seats import Seat, Seats
from dnsfilter.tally import Tally
from dnsfilter.wire.codes import Class, ExtendedError, Flag, Rcode, Type
from dnsfilter.wire.framing import MAX_MESSAGE
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import (
    Answer,
    Records,
    build_header,
    build_minimal_any,
    build_response,
    build_truncated,
)

_log = logging.getLogger("dnsfilter.resolver")

_ID_SIZE = 2
_RESPONSE_BIT = 0x80
_IN = int(Class.IN)
_ANY = int(Type.ANY)
_MINIMAL_ANY = build_minimal_any()
_SERVFAIL = int(Rcode.SERVFAIL)
_HEADER_SIZE = 12
_OPCODE_BITS = 0x78
_AUTHENTIC_DATA = int(Flag.AD)
_REFUSED_TYPES = frozenset(map(int, (Type.OPT, Type.TKEY, Type.TSIG, Type.IXFR, Type.AXFR, Type.MAILB, Type.MAILA)))


class Pending:
    """A query that waits for an upstream; `send(token, response)`, which the transport sets, takes its response."""

    __slots__ = ("decision", "query", "seat", "send", "started", "token", "transport")

    def __init__(self, query: Query, decision: Decision, seat: Seat, transport: Transport, now: float) -> None:
        self.query = query
        self.decision = decision
        self.seat = seat
        self.transport = transport
        self.started = now
        self.send: Callable[[Any, bytes], None]
        self.token: Any = None


class Resolver:
    """Answers queries by one policy and one table of clients, both replaceable while running."""

    def __init__(self, tally: Tally, cache: Cache) -> None:
        self.tally = tally
        self.cache = cache
        self.seats: Seats

    def adopt(self, configuration: Configuration, engine: Engine, directory: Directory, today: float) -> None:
        """Decide by this from now on: every seat, view and memo starts afresh."""
        self._blocked = BlockedAnswers(configuration.sinkhole)
        self._local = LocalData(configuration.records, configuration.listen)
        self.seats = Seats(configuration, engine, directory, today)

    def receive(self, message: bytes, seat: Seat, transport: Transport, now: float) -> bytes | Pending | None:
        """Answer a query at once, or return it as Pending, or None where silence is the answer. Raises nothing."""
        if len(message) < _HEADER_SIZE or message[2] & _RESPONSE_BIT:
            return None
        try:
            if seat.view is None:
                outcome, rcode = Outcome.REFUSED, Rcode.REFUSED
            elif seat.tokens < 0 and not self.seats.admit(seat, now):
                return self._limit(message, seat, transport)
            elif message[2] & _OPCODE_BITS:
                outcome, rcode = Outcome.ERROR, Rcode.NOTIMP
            else:
                return self._answer(Query(message), message, seat, transport, now)
        except WireError:
            outcome, rcode = Outcome.ERROR, Rcode.FORMERR
        except Exception as error:  # noqa: BLE001 - the border: one query fails, the others do not notice
            _log.error("unexpected while answering: %r", error)
            outcome, rcode = Outcome.ERROR, Rcode.SERVFAIL
        return self._turn_away(message, transport, outcome, rcode)

    def accept(self, query: Query, message: bytes, now: float) -> Answer:
        """Check an upstream's response to a query and cache it; WireError where it is malformed."""
        answer = Answer(message, len(query.question), now)
        self.cache.put(query.key, answer)
        return answer

    def finish(self, pending: Pending, answer: Answer, now: float) -> bytes:
        """Return the response to a query, from an answer. Raises nothing."""
        outcome = Outcome.ERROR if answer.rcode == _SERVFAIL else Outcome.RESOLVED
        try:
            return self._respond(pending, answer, outcome, now, None)
        except Exception as error:  # noqa: BLE001 - the border: one query fails, the others do not notice
            _log.error("unexpected while answering: %r", error)
            self._count(pending, Outcome.ERROR, Rcode.SERVFAIL, now)
            return build_response(pending.query, Rcode.SERVFAIL)

    def fail(self, pending: Pending, now: float) -> bytes:
        """Return the response to a query that no upstream answered in time (RFC 8767, RFC 8914 section 4)."""
        query = pending.query
        stale = self.cache.get_stale(query.key, now)
        decision = self._judge(pending, stale) if stale else pending.decision
        if decision.is_blocking:
            return self._block(pending, decision, now, None)
        self._see(pending, decision)
        if stale:
            self._count(pending, Outcome.STALE, stale.rcode, now)
            body = stale.with_ttl(STALE_TTL)
            return self._fit(
                pending,
                build_response(query, stale.rcode, stale, body=body, error=ExtendedError.STALE_ANSWER),
                stale.rcode,
            )
        self._count(pending, Outcome.ERROR, Rcode.SERVFAIL, now)
        return build_response(query, Rcode.SERVFAIL, error=ExtendedError.NO_REACHABLE_AUTHORITY)

    def flush(self, seconds: float, today: float) -> None:
        """Hand the counts of the last second to the journal; hits of the memo took about `seconds` each."""
        for group, memo in self.seats.memos():
            self.tally.flush_memo(memo, group, seconds)
        self.tally.flush(today)

    def _turn_away(self, message: bytes, transport: Transport, outcome: Outcome, rcode: Rcode) -> bytes | None:
        """Answer with a header only, for want of anything in the message to trust."""
        self.tally.count(transport, outcome, rcode, 0.0)
        return build_header(message, rcode)

    def _limit(self, message: bytes, seat: Seat, transport: Transport) -> bytes | None:
        """Deal with a query over the limit; of a sender that may be forged never with more octets than came."""
        if transport is not Transport.UDP:
            return self._turn_away(message, transport, Outcome.RATELIMITED, Rcode.REFUSED)
        if not self.seats.slips(seat):
            self.tally.count(transport, Outcome.RATELIMITED, Rcode.REFUSED, 0.0)
            return None
        self.tally.count(transport, Outcome.RATELIMITED, Rcode.NOERROR, 0.0)
        return build_truncated(Query(message), Rcode.NOERROR, 0)

    def _answer(self, query: Query, message: bytes, seat: Seat, transport: Transport, now: float) -> bytes | Pending:
        """Answer a well-formed query: what we do not do, what the policy blocks, what we hold, else Pending."""
        assert seat.view
        pending = Pending(query, seat.view.decide(query.name), seat, transport, now)
        if query.version > 0 or query.qclass != _IN or query.qtype in _REFUSED_TYPES:
            return self._refuse(pending, now)
        if pending.decision.is_blocking:
            return self._block(pending, pending.decision, now, message)
        if query.qtype == _ANY:
            return self._answer_locally(pending, _MINIMAL_ANY, 0, now, message)
        if query.name in self._local.owners:
            return self._answer_locally(pending, self._local.find(query.name, query.qtype), Flag.AA, now, message)
        cached = self.cache.get(query.key, now)
        if cached:
            self.tally.journal.count("cache_hits", "message")
            return self._respond(pending, cached, Outcome.CACHED, now, message)
        return pending

    def _refuse(self, pending: Pending, now: float) -> bytes:
        """Answer a query of a kind that we do not do; of EDNS we know version 0 (RFC 6891 section 6.1.3)."""
        outcome, rcode = Outcome.REFUSED, Rcode.REFUSED
        if pending.query.version > 0:
            outcome, rcode = Outcome.ERROR, Rcode.BADVERS
        self._count(pending, outcome, rcode, now)
        return build_response(pending.query, rcode)

    def _answer_locally(self, pending: Pending, records: Records, flags: int, now: float, message: bytes) -> bytes:
        """Answer by records of our own, which do not age."""
        query, decision = pending.query, pending.decision
        self._count(pending, Outcome.LOCAL, Rcode.NOERROR, now)
        self._see(pending, decision)
        response = build_response(query, Rcode.NOERROR, records, flags=flags)
        if len(response) > query.payload:
            return self._fit(pending, response, Rcode.NOERROR)
        pending.seat.memo.put(message[_ID_SIZE:], Entry(response[_ID_SIZE:], decision, Outcome.LOCAL, Rcode.NOERROR))
        return response

    def _block(self, pending: Pending, decision: Decision, now: float, message: bytes | None) -> bytes:
        """Answer by ourselves; what is answered before any policy is no sighting and counts as local."""
        response, rcode = self._blocked.build(pending.query, decision)
        outcome = Outcome.BLOCKED if decision.is_sighting else Outcome.LOCAL
        self._count(pending, outcome, rcode, now)
        self._see(pending, decision)
        if message is not None:
            pending.seat.memo.put(message[_ID_SIZE:], Entry(response[_ID_SIZE:], decision, outcome, rcode))
        return response

    def _respond(self, pending: Pending, answer: Answer, outcome: Outcome, now: float, message: bytes | None) -> bytes:
        """Answer from an upstream's answer unless what it leads to is blocked; remember it where `message` is given."""
        decision = self._judge(pending, answer)
        if decision.is_blocking:
            return self._block(pending, decision, now, None)
        if decision.is_sighting:
            outcome = Outcome.OBSERVED
            self._see(pending, decision)
        query, elapsed = pending.query, int(now - answer.stored)
        flags = answer.flags & _AUTHENTIC_DATA if query.do or query.flags & _AUTHENTIC_DATA else 0  # RFC 6840, 5.7
        body = answer.aged(elapsed) if elapsed else answer.body
        response = build_response(query, answer.rcode, answer, body=body, flags=flags)
        self.tally.count(pending.transport, outcome, answer.rcode, now - pending.started)
        if len(response) > query.payload:
            return self._fit(pending, response, answer.rcode)
        if message is not None:
            self._remember(pending, answer, decision, message, response, now)
        return response

    def _remember(
        self, pending: Pending, answer: Answer, decision: Decision, message: bytes, response: bytes, now: float
    ) -> None:
        outcome = Outcome.OBSERVED if decision.is_sighting else Outcome.CACHED
        entry = Entry(response[_ID_SIZE:], decision, outcome, answer.rcode)
        start = _HEADER_SIZE - _ID_SIZE + len(pending.query.question)
        elapsed = int(now - answer.stored)
        entry.expire(answer.stored + elapsed, answer.expires, tuple([start + offset for offset in answer.ttls]))
        pending.seat.memo.put(message[_ID_SIZE:], entry)

    def _judge(self, pending: Pending, answer: Answer) -> Decision:
        """Return the strictest decision among the query's own, the targets' and the addresses' of an answer.

        What a freed name leads to is free: the networks of a list may hold more than the names that it lists.
        """
        decision, view = pending.decision, pending.seat.view
        assert view
        if decision.is_free:
            return decision
        is_freed = False
        for target in answer.targets:
            found = view.decide(target)
            is_freed = is_freed or found.is_free
            decision = _stricter(decision, found)
        for address in answer.addresses:
            if address[:2] in view.listed_prefixes and not is_freed:
                decision = _stricter(decision, view.decide_packed(address))
        return decision if decision is pending.decision else view.exempt(pending.query.name, decision)

    def _fit(self, pending: Pending, response: bytes, rcode: int) -> bytes:
        """Truncate a response that the transport cannot carry to this client."""
        if len(response) <= (pending.query.payload if pending.transport is Transport.UDP else MAX_MESSAGE):
            return response
        return build_truncated(pending.query, rcode, 0)

    def _count(self, pending: Pending, outcome: Outcome, rcode: int, now: float) -> None:
        self.tally.count(pending.transport, outcome, rcode, now - pending.started)

    def _see(self, pending: Pending, decision: Decision) -> None:
        if decision.is_sighting:
            assert pending.seat.view
            self.tally.see(pending.seat.text, pending.seat.view.group, decision)


def _stricter(first: Decision, second: Decision) -> Decision:
    """Return the decision with more consequences; the first where there is nothing to choose."""
    if second is NOT_LISTED or second.is_free:
        return first
    return second if _severity(second) > _severity(first) else first


def _severity(decision: Decision) -> int:
    return decision.is_sighting + 2 * decision.is_blocking
