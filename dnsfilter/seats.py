"""Client addresses as the resolver meets them: is it served, which view of the policy it has, how much it may ask.

Addresses are packed (4 or 16 octets). Clients that are decided alike share one view and one memo. `now` is seconds of a
monotonic clock, `today` seconds since the epoch.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from dnsfilter.clients.directory import Directory
from dnsfilter.config import Configuration
from dnsfilter.memo import Memo, Shelf
from dnsfilter.model import Client
from dnsfilter.policy.engine import Engine, View
from dnsfilter.tally import address_text

MAX_SEATS = 100_000


class Seat:
    """One client address; `view` is None where it is not served. `entries` are those of its memo."""

    __slots__ = ("address", "entries", "memo", "refilled", "text", "tokens", "view")

    def __init__(self, address: bytes, text: str, view: View | None, memo: Memo, tokens: float, now: float) -> None:
        self.address = address
        self.text = text
        self.view = view
        self.memo = memo
        self.entries = memo.entries
        self.tokens = tokens
        self.refilled = now

    def recall(self, tail: bytes, now: float) -> bytes | None:
        """Return the ready response to the octets behind a query's ID, and count that it was used.

        The UDP server does the same in its own loop, where a call is too dear.
        """
        entry = self.entries.get(tail)
        if entry is None or (now >= entry.fresh_until and not entry.refresh(now)):
            return None
        if not entry.hits:
            self.memo.touched.append(entry)
        entry.hits += 1
        if entry.seen is not None:
            entry.seen[self.address] = entry.seen.get(self.address, 0) + 1
        return entry.tail


class Seats:
    """All client addresses met since the last change of the policy, at most `MAX_SEATS`."""

    def __init__(self, configuration: Configuration, engine: Engine, directory: Directory, today: float) -> None:
        self._networks = configuration.allow_clients
        self._rate, self._burst = configuration.rate_limit.per_client_qps, configuration.rate_limit.burst
        self._engine, self._directory, self._today = engine, directory, today
        self._by_address: dict[bytes, Seat] = {}
        self._views: dict[Client, tuple[View, Memo]] = {}
        self._shelf = Shelf()
        self._unserved = self._shelf.make_memo()

    @property
    def by_address(self) -> dict[bytes, Seat]:
        """The seats taken, for the transport that looks them up itself."""
        return self._by_address

    def take(self, address: bytes, now: float) -> Seat:
        """Return the seat of an address, a new one where it has none."""
        seat = self._by_address.get(address)
        if seat is None:
            if len(self._by_address) >= MAX_SEATS:
                self._by_address.clear()
            seat = self._by_address[address] = self._make(address, now)
        return seat

    def admit(self, seat: Seat, now: float) -> bool:
        """Refill an exhausted token bucket; whether the query that exhausted it may pass."""
        if not self._rate:
            seat.tokens = 1e18
            return True
        seat.tokens = min(self._burst, (now - seat.refilled) * self._rate) - 1
        if seat.tokens < 0:
            return False
        seat.refilled = now
        return True

    def memos(self) -> Iterator[tuple[str, Memo]]:
        """Return the memos of all views, each with its group."""
        return ((view.group, memo) for view, memo in self._views.values())

    def _make(self, address: bytes, now: float) -> Seat:
        text = address_text(address)
        if not self._is_served(ip_address(text)):
            return Seat(address, text, None, self._unserved, self._burst, now)
        client = self._directory.find(text, self._today)
        view, memo = self._view(Client(client.group, quarantined=client.quarantined))
        return Seat(address, text, view, memo, self._burst, now)

    def _view(self, kind: Client) -> tuple[View, Memo]:
        if kind not in self._views:
            self._views[kind] = self._engine.view(kind, self._today), self._shelf.make_memo()
        return self._views[kind]

    def _is_served(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)
