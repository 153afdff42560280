"""The hub: the whole path of a query, without I/O and without a clock.

    receive   parse -> seat -> decide -> blocked | local | cached answer | Pending
    accept    an upstream's response -> checked and cached
    finish    Pending + answer -> CNAME targets and addresses against the policy -> response
    fail      Pending that no upstream answered -> stale answer or SERVFAIL

`now` is seconds of a monotonic clock, `today` seconds since the epoch.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from dnsfilter import explanations
from dnsfilter.answers import BlockedAnswers
from dnsfilter.cache import STALE_TTL, Cache, find_due
from dnsfilter.clients.directory import Directory
from dnsfilter.config import Configuration
from dnsfilter.defects import Defects
from dnsfilter.edns import Edns
from dnsfilter.errors import WireError
from dnsfilter.failures import RECHECK
from dnsfilter.findings import Findings
from dnsfilter.localdata import LocalData, ServerData
from dnsfilter.memo import Entry
from dnsfilter.model import Decision, Outcome, Transport
from dnsfilter.policy.engine import Engine
from dnsfilter.scrubber import Scrubbed, Scrubber
from dnsfilter.seats import Seat, Seats
from dnsfilter.tally import Tally
from dnsfilter.wire.chain import follows_question
from dnsfilter.wire.codes import Class, Flag, Rcode, Type
from dnsfilter.wire.framing import MAX_MESSAGE
from dnsfilter.wire.proxy_protocol import SIGNATURE
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer, Records, build_header, build_minimal_any, build_response, build_truncated

_ID_SIZE: Final = 2
_RESPONSE_BIT: Final = 0x80
_UDP: Final = Transport.UDP
_IN: Final = int(Class.IN)
_CHAOS: Final = int(Class.CHAOS)
_ANY: Final = int(Type.ANY)
_MINIMAL_ANY: Final = build_minimal_any()
_SERVFAIL: Final = int(Rcode.SERVFAIL)
_RESOLVED: Final = frozenset({int(Rcode.NOERROR), int(Rcode.NXDOMAIN)})
"""With any other response code nothing was learnt about the name (RFC 8767 section 4)."""
_HEADER_SIZE: Final = 12
_OPCODE_BITS: Final = 0x78
_AUTHENTIC_DATA: Final = int(Flag.AD)
_REFUSED_TYPES: Final = frozenset(
    map(int, (Type.OPT, Type.TKEY, Type.TSIG, Type.IXFR, Type.AXFR, Type.MAILB, Type.MAILA))
)


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
        self._defects = Defects(logging.getLogger("dnsfilter.resolver"))

    def adopt(
        self,
        configuration: Configuration,
        engine: Engine,
        directory: Directory,
        today: float,
        secrets: Sequence[bytes] = (),
        local: LocalData | None = None,
    ) -> None:
        """Decide by this from now on, and by `secrets` about cookies: every seat, view and memo starts afresh."""
        texts = {policy.name: policy.ede_text for policy in configuration.policies}
        self._prohibited = explanations.explain_refusal(configuration.ede_text)
        self._local = local or LocalData(configuration.records, configuration.listen)
        self._blocked = BlockedAnswers(configuration.sinkhole, configuration.ede_text, texts, self._local)
        self.cache.limit(configuration.cache)
        self.cache.adopt(name for upstream in configuration.upstreams for name in upstream.domains)
        self._scrubber = Scrubber(configuration)
        self._judged, self._scrubbed = Findings[Decision](), Findings[Scrubbed]()
        self._server_data = ServerData(configuration.chaos)
        self._edns = Edns(configuration, secrets)
        self._today = today
        self.seats = Seats(configuration, engine, directory, today, self.tally.journal)

    def receive(self, message: bytes, seat: Seat, transport: Transport, now: float) -> bytes | Pending | None:
        """Answer a query at once, or return it as Pending, or None where silence is the answer. Raises nothing."""
        if len(message) < _HEADER_SIZE or message[2] & _RESPONSE_BIT:
            return None
        try:
            if seat.tokens < 0 and not self.seats.admit(seat, now):
                return self._limit(message, seat, transport, now)
            if message[2] & _OPCODE_BITS:
                if message.startswith(SIGNATURE):  # a PROXY header of who may not send one
                    self.tally.count(transport, Outcome.REFUSED, Rcode.REFUSED, 0.0)
                    return None
                outcome, rcode = Outcome.ERROR, Rcode.NOTIMP
            else:
                return self._answer(Query(message), message, seat, transport, now) or None
        except WireError:
            outcome, rcode = Outcome.ERROR, Rcode.FORMERR
        except Exception as error:  # noqa: BLE001 - the border: one query fails, the others do not notice
            return self.give_up(message, transport, error)
        return self._turn_away(message, transport, outcome, rcode)

    def give_up(self, message: bytes, transport: Transport, error: Exception) -> bytes | None:
        """Answer what a defect of ours keeps from being answered."""
        self._defects.report("unexpected while answering", error)
        if len(message) < _HEADER_SIZE or message[2] & _RESPONSE_BIT:
            return None
        return self._turn_away(message, transport, Outcome.ERROR, Rcode.SERVFAIL)

    def accept(self, query: Query, message: bytes, now: float) -> Answer:
        """Check an upstream's response to a query and cache it; WireError where it is malformed."""
        size = len(query.question)
        answer = Answer(message, size, now)
        if not (answer.is_plain or follows_question(message, _HEADER_SIZE + size, answer.answers)):
            answer.discard()
        if answer.rcode in _RESOLVED:
            self.cache.failures.forget(query.key)
            self.cache.put(query.key, answer)
        else:
            self.cache.failures.note(query.key, now)
        return answer

    def finish(self, pending: Pending, answer: Answer, now: float) -> bytes:
        """Return the response to a query, from an answer. Raises nothing."""
        outcome = Outcome.ERROR if answer.rcode == _SERVFAIL else Outcome.RESOLVED
        try:
            stale = None if answer.rcode in _RESOLVED else self.serve_stale(pending, now)
            return stale or self._respond(pending, answer, outcome, now, None)
        except Exception as error:  # noqa: BLE001 - the border: one query fails, the others do not notice
            self._defects.report("unexpected while answering", error)
            self._count(pending, Outcome.ERROR, Rcode.SERVFAIL, now)
            return build_response(pending.query, Rcode.SERVFAIL)

    def fail(self, pending: Pending, now: float) -> bytes:
        """Return the response to a query that no upstream answered in time (RFC 8767, RFC 8914 section 4)."""
        self.cache.failures.note(pending.query.key, now)
        return self.serve_stale(pending, now) or self._fail_with(pending, now, explanations.UNREACHABLE)

    def turn_back(self, pending: Pending, now: float) -> bytes:
        """Return the response to a query that is not asked upstream, for too many wait."""
        return self.serve_stale(pending, now) or self._fail_with(pending, now, explanations.TOO_MANY)

    def serve_stale(self, pending: Pending, now: float) -> bytes | None:
        """Respond with an answer that has ended, whose question then is not asked for a while; None without one."""
        stale = self.cache.get_stale(pending.query.key, now)
        if stale is None:
            return None
        self.cache.failures.note(pending.query.key, now, RECHECK)
        decision = self._judge(pending, stale)
        if decision.is_blocking:
            return self._block(pending, decision, now, None)
        self._see(pending, decision)
        return self._respond_stale(pending, stale, now)

    def _fail_with(self, pending: Pending, now: float, errors: Sequence[bytes]) -> bytes:
        self._see(pending, pending.decision)
        self._count(pending, Outcome.ERROR, Rcode.SERVFAIL, now)
        return build_response(pending.query, Rcode.SERVFAIL, errors=errors)

    def _respond_stale(self, pending: Pending, stale: Answer, now: float) -> bytes:
        errors = explanations.STALE_NXDOMAIN if stale.rcode == Rcode.NXDOMAIN else explanations.STALE_ANSWER
        records: Records = stale
        outcome = Outcome.STALE
        if self._scrubber.concerns(stale):
            records, changes, _, own = self._scrub(pending, stale)
            errors, outcome = (*(change + errors[0] for change in changes), *errors), own or outcome
        self._count(pending, outcome, stale.rcode, now)
        body = records.with_ttl(STALE_TTL)
        response = build_response(pending.query, stale.rcode, records, body=body, errors=errors)
        return self._fit(pending, response, stale.rcode)

    def flush(self, seconds: float, today: float) -> None:
        """Hand the counts of the last second to the journal; hits of the memo took about `seconds` each."""
        self._today = today
        for group, memo in self.seats.memos():
            self.tally.flush_memo(memo, group, seconds)
        self.tally.flush(today)

    def _turn_away(self, message: bytes, transport: Transport, outcome: Outcome, rcode: Rcode) -> bytes | None:
        """Answer with a header only, for want of anything in the message to trust."""
        self.tally.count(transport, outcome, rcode, 0.0)
        return build_header(message, rcode)

    def _limit(self, message: bytes, seat: Seat, transport: Transport, now: float) -> bytes | Pending | None:
        """Deal with a query over the limit: who has shown a cookie has tokens of his own."""
        if transport is not Transport.UDP:
            return self._turn_away(message, transport, Outcome.RATELIMITED, Rcode.REFUSED)
        query = Query(message)
        if not (query.options and not self._read_edns(query, seat, transport) and query.has_valid_cookie):
            return self._slip(message, seat, transport)
        proven = self.seats.take_proven(seat.address, now)
        proven.tokens -= 1
        if proven.tokens < 0 and not self.seats.admit(proven, now):
            return self._turn_away(message, transport, Outcome.RATELIMITED, Rcode.REFUSED)
        return self._answer(Query(message), message, proven, transport, now)

    def _slip(self, message: bytes, seat: Seat, transport: Transport) -> bytes | None:
        """Say nothing to who may be forged, or now and then, in no more octets than came, that TCP is to be used."""
        if not self.seats.slips(seat):
            self.tally.count(transport, Outcome.RATELIMITED, Rcode.REFUSED, 0.0)
            return None
        self.tally.count(transport, Outcome.RATELIMITED, Rcode.NOERROR, 0.0)
        return build_truncated(Query(message), Rcode.NOERROR, 0)

    def _answer(self, query: Query, message: bytes, seat: Seat, transport: Transport, now: float) -> bytes | Pending:
        """Answer a well-formed query: by its EDNS alone, as one of a kind that we do not do, or by its question."""
        if transport is not _UDP:
            query.limit = MAX_MESSAGE
        seat = self.seats.take_behind(seat, query, now) if query.options else seat
        if seat.view is None:
            return self._refuse_stranger(query, len(message), transport)
        rcode = self._read_edns(query, seat, transport) if query.options or query.version > 0 else Rcode.NOERROR
        if rcode or not query.question:
            self.tally.count(transport, Outcome.ERROR if rcode else Outcome.LOCAL, rcode, 0.0)
            return build_response(query, rcode)
        pending = Pending(query, seat.view.decide(query.name), seat, transport, now)
        if query.qclass != _IN or query.qtype in _REFUSED_TYPES:
            return self._refuse(pending, now)
        return self._answer_question(pending, message if query.is_shareable else None, now)

    def _read_edns(self, query: Query, seat: Seat, transport: Transport) -> Rcode:
        """Return the rcode that the EDNS of a query earns; we know version 0 (RFC 6891 section 6.1.3)."""
        if query.version > 0:
            return Rcode.BADVERS
        return self._edns.prepare(query, seat.address, transport, self._today)

    def _answer_question(self, pending: Pending, message: bytes | None, now: float) -> bytes | Pending:
        """Answer by what the policy blocks, by what we hold, else return Pending."""
        query = pending.query
        if pending.decision.is_blocking:
            return self._block(pending, pending.decision, now, message)
        if query.qtype == _ANY:
            return self._answer_locally(pending, _MINIMAL_ANY, 0, now, message)
        owner = self._local.locate(query.name)
        if owner is not None:
            return self._answer_locally(pending, self._local.find(owner, query.qtype), Flag.AA, now, message)
        return self._answer_from_cache(pending, message, now) or pending

    def _answer_from_cache(self, pending: Pending, message: bytes | None, now: float) -> bytes | None:
        """Answer by what is held: the answer, the denial of a name above, a failure of late; None without any.

        The latter two are not remembered: a flood of names that do not exist would displace what is asked often.
        """
        key, cache = pending.query.key, self.cache
        if cached := cache.get(key, now):
            self.tally.journal.count("cache_hits", "message")
            if message is not None and cache.is_due(cached, now):
                cache.due.append(message[_ID_SIZE:])
            return self._respond(pending, cached, Outcome.CACHED, now, message)
        if denial := cache.get_denial(key, now):
            self.tally.journal.count("cache_hits", "nxdomain")
            return self._respond(pending, denial, Outcome.CACHED, now, None)
        if cache.failures.is_held(key, now):
            self.tally.journal.count("cache_hits", "failure")
            return self.serve_stale(pending, now) or self._fail_with(pending, now, explanations.CACHED_ERROR)
        return None

    def _refuse_stranger(self, query: Query, size: int, transport: Transport) -> bytes:
        """Turn away who is not served, never with more octets than came where the sender may be somebody else."""
        if transport is Transport.UDP:
            query.limit = min(query.limit, size)
        self.tally.count(transport, Outcome.REFUSED, Rcode.REFUSED, 0.0)
        return build_response(query, Rcode.REFUSED, errors=self._prohibited)

    def _refuse(self, pending: Pending, now: float) -> bytes:
        """Answer a query of a kind that we do not do; in class CHAOS by what may be told of us."""
        query = pending.query
        records = self._server_data.find(query.name, query.qtype) if query.qclass == _CHAOS else None
        if records:
            self._count(pending, Outcome.LOCAL, Rcode.NOERROR, now)
            return self._fit(pending, build_response(query, Rcode.NOERROR, records, flags=Flag.AA), Rcode.NOERROR)
        self._count(pending, Outcome.REFUSED, Rcode.REFUSED, now)
        return build_response(query, Rcode.REFUSED, errors=explanations.NOT_SUPPORTED)

    def _answer_locally(
        self, pending: Pending, records: Records, flags: int, now: float, message: bytes | None
    ) -> bytes:
        """Answer by records of our own, which do not age."""
        query, decision = pending.query, pending.decision
        self._count(pending, Outcome.LOCAL, Rcode.NOERROR, now)
        self._see(pending, decision)
        response = build_response(query, Rcode.NOERROR, records, flags=flags)
        if len(response) > query.payload:
            return self._fit(pending, response, Rcode.NOERROR)
        if message is not None:
            entry = Entry(response[_ID_SIZE:], decision, Outcome.LOCAL, Rcode.NOERROR)
            pending.seat.memo.put(message[_ID_SIZE:], entry)
        return response

    def _block(self, pending: Pending, decision: Decision, now: float, message: bytes | None) -> bytes:
        """Answer by ourselves, by nothing where that is silence; what comes before any policy counts as local."""
        response, rcode = self._blocked.build(pending.query, decision)
        if decision.is_probe:
            return response
        outcome = Outcome.BLOCKED if decision.is_sighting else Outcome.LOCAL
        self._count(pending, outcome, rcode, now)
        self._see(pending, decision)
        if len(response) > pending.query.payload:
            return self._fit(pending, response, rcode)
        if message is not None and response:
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
        records: Records = answer
        errors: Sequence[bytes] = ()
        counted = None
        if (answer.has_ech or answer.additionals or self._scrubber.is_guarding) and self._scrubber.concerns(answer):
            records, errors, counted, own = self._scrub(pending, answer)
            outcome, flags = own or outcome, flags if records is answer else 0
        body = records.aged(elapsed) if elapsed else records.body
        response = build_response(query, answer.rcode, records, body=body, flags=flags, errors=errors)
        self.tally.count(pending.transport, outcome, answer.rcode, now - pending.started)
        if self.tally.sample.is_open and not answer.rcode:
            self.tally.sample.note(query.name, pending.seat.mark)
        ttls = records.ttls
        if len(response) > query.payload:
            response, ttls = self._fit(pending, response, answer.rcode), ()
            message = message if pending.transport is _UDP else None  # whoever gets all of it does not read the memo
        if message is not None:
            entry = Entry(response[_ID_SIZE:], decision, outcome, answer.rcode, counted)
            self._remember(pending, answer, ttls, entry, message, now)
        return response

    def _remember(
        self, pending: Pending, answer: Answer, ttls: Sequence[int], entry: Entry, message: bytes, now: float
    ) -> None:
        start = _HEADER_SIZE - _ID_SIZE + len(pending.query.question)
        elapsed = int(now - answer.stored)
        entry.expire(answer.stored + elapsed, answer.expires, tuple([start + offset for offset in ttls]))
        octets = message[_ID_SIZE:]
        due = find_due(answer)
        if self.cache.is_due(answer, due):
            entry.watch(due, self.cache.due, octets)
        pending.seat.memo.put(octets, entry)

    def _scrub(self, pending: Pending, answer: Answer) -> Scrubbed:
        """Take out of an answer what is not passed on; a freed name gets all of it."""
        query, view = pending.query, pending.seat.view
        assert view
        if view.exempt(query.name, pending.decision).is_free:
            return Scrubbed(answer)
        kind = view, query.do, query.question
        scrubbed = self._scrubbed.get(answer, kind)
        if scrubbed is None:
            scrubbed = self._scrubbed.keep(answer, kind, self._scrubber.scrub(query, answer, view.ech))
        if scrubbed.counted:
            self.tally.journal.count(*scrubbed.counted)
        return scrubbed

    def _judge(self, pending: Pending, answer: Answer) -> Decision:
        view, decision = pending.seat.view, pending.decision
        assert view
        if not answer.targets and view.listed_prefixes.isdisjoint(answer.prefixes):
            return decision
        return self._judged.get(answer, view) or self._judged.keep(
            answer, view, view.judge(pending.query.name, decision, answer.targets, answer.addresses)
        )

    def _fit(self, pending: Pending, response: bytes, rcode: int) -> bytes:
        """Truncate a response that the transport cannot carry to this client."""
        return response if len(response) <= pending.query.limit else build_truncated(pending.query, rcode, 0)

    def _count(self, pending: Pending, outcome: Outcome, rcode: int, now: float) -> None:
        self.tally.count(pending.transport, outcome, rcode, now - pending.started)

    def _see(self, pending: Pending, decision: Decision) -> None:
        if decision.is_sighting:
            assert pending.seat.view
            self.tally.see(pending.seat.text, pending.seat.view.group, decision)
