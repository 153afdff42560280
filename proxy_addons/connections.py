"""What the proxy remembers of an open client connection, and what it records of it in the journal.

A connection that names the same listed thing in CONNECT, ClientHello and request is one sighting, and its address none
beside the name.
"""

from dataclasses import dataclass, field

from dnsfilter.evidence.bypass import to_evidence
from dnsfilter.journal import Journal
from dnsfilter.metrics import NO_GROUP
from dnsfilter.model import Client, Match, ProxyAction, Rule, Sighting
from proxy_addons.policy import Verdict

REPEAT_SECONDS = 60.0
"""After this time the same name on the same connection is a new sighting."""


@dataclass(slots=True)
class ClientConnection:
    """One open connection of a client.

    `address` stands for who it is: the device itself once that has proven to be one. `is_resolved` where the client got
    the address that it connected to from somebody else than us. `is_refused` once nothing on it may reach any server,
    `is_freed` while what it named last is free, so that the address it leads to does not count. `shown` is what a page
    is about that is to be shown inside TLS, `hidden` are the rules behind whose names another may have been.
    """

    address: str
    client: Client
    is_resolved: bool = False
    is_refused: bool = False
    is_freed: bool = False
    is_counted: bool = False
    shown: Verdict | None = None
    recorded: dict[Rule, float] = field(default_factory=dict)
    hidden: set[Rule] = field(default_factory=set)


class Recorder:
    """Writes verdicts into the journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def count_connection(self, connection: ClientConnection, action: ProxyAction) -> None:
        """Count a connection, by the first that was decided on it."""
        if not connection.is_counted:
            connection.is_counted = True
            self.journal.count("proxy_connections", action)

    def count_request(self, action: ProxyAction) -> None:
        """Count a request."""
        self.journal.count("proxy_requests", action)

    def record(self, connection: ClientConnection, verdict: Verdict, now: float) -> None:
        """Record a verdict if it is a sighting and not yet recorded for this connection."""
        rule = verdict.decision.rule
        if rule is None or not verdict.decision.is_sighting or _follows_from_a_name(rule, connection):
            return
        last = connection.recorded.get(rule)
        if last is None or now - last >= REPEAT_SECONDS:
            connection.recorded[rule] = now
            self._note(connection, rule, verdict, now)

    def record_ech(self, connection: ClientConnection, verdict: Verdict, now: float) -> None:
        """Record that a client hides a name behind a listed one, once for this connection."""
        rule = verdict.decision.rule
        assert rule
        if rule in connection.hidden:
            return  # mitmproxy asks about one ClientHello twice where it decrypts QUIC
        connection.hidden.add(rule)
        sighting = _to_sighting(connection, rule, verdict, now)
        self.journal.note(to_evidence("ech", sighting))
        self.journal.count("bypass", "ech", sighting.group)

    def _note(self, connection: ClientConnection, rule: Rule, verdict: Verdict, now: float) -> None:
        sighting = _to_sighting(connection, rule, verdict, now)
        proof = rule.app, rule.role, rule.grade, sighting.channel
        self.journal.note(sighting)
        self.journal.count("proxy_flags", *proof, sighting.group)
        self.journal.count("sightings", *proof, verdict.action, sighting.group)


def _follows_from_a_name(rule: Rule, connection: ClientConnection) -> bool:
    """Whether a rule is about the address of something whose name the connection has said."""
    return rule.match is Match.NETWORK and any(
        known.blocklist == rule.blocklist and known.match is not Match.NETWORK for known in connection.recorded
    )


def _to_sighting(connection: ClientConnection, rule: Rule, verdict: Verdict, now: float) -> Sighting:
    assert verdict.target
    return Sighting(
        now,
        connection.address,
        rule.app,
        rule.blocklist,
        rule.text,
        rule.role,
        rule.grade,
        verdict.target.channel,
        verdict.action,
        connection.client.group or NO_GROUP,
        is_resolved=connection.is_resolved,
    )
