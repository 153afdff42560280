"""Queries that come back to us by way of an upstream: found by one that nobody else can know.

A probe asks for a name of two random labels, the second made from the first with a key that all workers share. Whoever
of them gets such a query answers with a proof, and who asked then knows that its upstream leads here. Clients can
neither guess a probe nor make one.
"""

import hmac
import re
import secrets

from dnsfilter.upstream.attempts import Exchange
from dnsfilter.wire.codes import Class
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer

INTERVAL = 60.0
"""Seconds between probes of an upstream."""

HINFO = 13
"""The type of probes: nearly nobody asks for it, so that queries of other types cost nothing."""

_LABEL_SIZE = 16
_NAME = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})")
_QUERY_HEADER = bytes.fromhex("000001000001000000000000")
_ANSWER_HEADER = bytes.fromhex("000081800001000100000000")
_TAIL = HINFO.to_bytes(2, "big") + Class.IN.to_bytes(2, "big")


class Probe(Exchange):
    """A query that must not come back; it is done before it is sent, for nobody waits for its answer."""

    __slots__ = ("proof",)

    def __init__(self, query: Query, proof: bytes, now: float) -> None:
        super().__init__(query, [], now)
        self.proof = proof
        self.is_done = True

    def came_back(self, message: bytes) -> bool:
        """Whether a response says that we have answered it."""
        return self.proof in message


class Loops:
    """Makes probes and recognises them, by a key; without one it does neither."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make_probe(self, now: float) -> Probe | None:
        """Return a probe that was never made before."""
        if not self._key:
            return None
        first = secrets.token_hex(_LABEL_SIZE)
        second = self._derive(first)
        labels = (bytes([len(label)]) + label.encode() for label in (first, second))
        return Probe(Query(_QUERY_HEADER + b"".join(labels) + b"\0" + _TAIL), self._derive(second).encode(), now)

    def recognise(self, query: Query, now: float) -> Answer | None:
        """Return the answer to a query if it is a probe."""
        match = _NAME.fullmatch(query.name)
        if not self._key or not match or not hmac.compare_digest(match[2], self._derive(match[1])):
            return None
        proof = self._derive(match[2]).encode()
        rdata = bytes([len(proof)]) + proof + b"\0"
        record = b"\xc0\x0c" + _TAIL + bytes(4) + len(rdata).to_bytes(2, "big") + rdata
        return Answer(_ANSWER_HEADER + query.question + record, len(query.question), now)

    def _derive(self, text: str) -> str:
        return hmac.digest(self._key, text.encode(), "sha256").hex()[: 2 * _LABEL_SIZE]
