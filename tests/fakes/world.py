"""A whole resolver without sockets: real policy, clients, memo, cache and journal, an upstream of records, and a clock.

What a transport does with a memo entry stands here once more, in its plainest form.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from dnslib import QTYPE, RR, DNSRecord

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.cache import Cache
from dnsfilter.clients.addresses import parse_address
from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import compile_table
from dnsfilter.config import Configuration
from dnsfilter.journal import Batch, Journal
from dnsfilter.model import CompiledList, Device, Transport
from dnsfilter.policy.engine import Engine
from dnsfilter.process.publisher import compile_all
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.settings.order import Blocklist
from dnsfilter.tally import Tally
from tests.fakes.messages import respond

ROOT = Path(__file__).parents[2]
MAX_CHAIN = 8


class Upstream:
    """Answers from records in presentation form, follows CNAMEs, and can be down."""

    def __init__(self, records: Iterable[str] = ()) -> None:
        self.records = [rr for line in records for rr in RR.fromZone(line)]
        self.is_down = False
        self.asked: list[str] = []

    def answer(self, query: bytes) -> bytes | None:
        """Return the response to a query, None while down."""
        question = DNSRecord.parse(query).q
        name = str(question.qname).lower()
        self.asked.append(f"{name} {QTYPE.get(question.qtype)}")
        if self.is_down:
            return None
        answers, last = self._follow(name, question.qtype)
        exists = any(str(rr.rname).lower() == last for rr in self.records)
        soa = [rr for rr in self.records if rr.rtype == QTYPE.SOA and last.endswith(str(rr.rname).lower())]
        is_negative = not answers or answers[-1].rtype == QTYPE.CNAME != question.qtype
        return respond(query, answers, soa if is_negative else (), rcode=0 if exists else 3)

    def _follow(self, name: str, qtype: int) -> tuple[list[RR], str]:
        answers: list[RR] = []
        for _ in range(MAX_CHAIN):
            own = [rr for rr in self.records if str(rr.rname).lower() == name]
            answers += [rr for rr in own if rr.rtype == qtype]
            aliases = [rr for rr in own if rr.rtype == QTYPE.CNAME != qtype]
            if not aliases:
                break
            answers += aliases
            name = str(aliases[0].rdata).lower()
        return answers, name


def catalogue(name: str, data: Mapping[str, Any], *, passthru: bool = False) -> CompiledList:
    """Return a list of the catalogue's form, compiled."""
    blocklist = Blocklist(name=name, file=f"{name}.yaml")
    text = yaml.safe_dump({"app": name, "title": name, **({"passthru": True} if passthru else {}), **data})
    return compile_list(blocklist, parse_list(text, f"{name}.yaml", blocklist), 0.0)


def shipped(directory: Path) -> tuple[Configuration, list[CompiledList]]:
    """Return what `dnsfilter serve` runs without a configuration."""
    file = directory / "dnsfilter.yaml"
    file.write_text((ROOT / "dnsfilter" / "default.yaml").read_text())
    configuration, lists, _ = compile_all(file)
    return configuration, lists


class World:
    """One resolver, its upstream, and what it has noted."""

    def __init__(
        self,
        configuration: Configuration,
        lists: Sequence[CompiledList],
        upstream: Upstream,
        now: float,
        devices: Sequence[Device] = (),
        secrets: Sequence[bytes] = (),
    ) -> None:
        self.configuration, self.lists, self.upstream, self.now = configuration, lists, upstream, now
        self.devices, self.secrets = devices, secrets
        self.quarantined: dict[str, frozenset[str]] = {}
        self.journal = Journal("worker-0", "life")
        self.resolver = Resolver(Tally(self.journal), Cache(configuration.cache))
        self.engine = Engine(configuration, lists)
        self.adopt()

    def adopt(self) -> None:
        """Put the policy and the clients as they are now in force."""
        table = compile_table(self.devices, (), self.quarantined, self.now, self.configuration.identity)
        directory = Directory(self.configuration.groups, table)
        self.resolver.adopt(self.configuration, self.engine, directory, self.now, self.secrets)
        self.next_change = self.engine.next_change(self.now)

    def move_to(self, now: float) -> None:
        """Let time pass; a change of the policy comes into force as in a worker."""
        self.now = now
        if self.next_change is not None and now >= self.next_change:
            self.resolver.flush(0.0, now)
            self.adopt()

    def ask(
        self, client: str, message: bytes, transport: Transport = Transport.UDP, *, memo: bool = True
    ) -> bytes | None:
        """Return what a client gets for a message."""
        address = parse_address(client).packed
        seat = self.resolver.seats.take(address, self.now)
        seat.tokens -= 1
        entry = seat.entries.get(message[2:]) if memo and transport is Transport.UDP and seat.tokens >= 0 else None
        if entry is not None and (self.now < entry.fresh_until or entry.refresh(self.now)):
            if not entry.hits:
                seat.memo.touched.append(entry)
            entry.hits += 1
            if entry.seen is not None:
                entry.seen[address] = entry.seen.get(address, 0) + 1
            return message[:2] + entry.tail
        result = self.resolver.receive(message, seat, transport, self.now)
        return self.resolve(result) if isinstance(result, Pending) else result

    def resolve(self, pending: Pending) -> bytes:
        """Return the response to a query that waits for the upstream."""
        query = pending.query
        response = self.upstream.answer(query.id.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + query.question)
        if response is None:
            return self.resolver.fail(pending, self.now)
        return self.resolver.finish(pending, self.resolver.accept(query, response, self.now), self.now)

    def drain(self) -> Batch:
        """Return what happened since the last time; counters begin anew."""
        self.resolver.flush(0.0, self.now)
        batch = self.journal.drain()
        self.journal.counters.clear()
        return batch
