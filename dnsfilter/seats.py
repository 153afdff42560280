"""Client addresses as the resolver meets them: is it served, which view of the policy it has, how much it may ask.

Addresses are packed (4 or 16 octets). Clients that are decided alike share one view and one memo. `now` is seconds of a
monotonic clock, `today` seconds since the epoch.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import device_key, is_device_key, mac_key
from dnsfilter.config import Configuration
from dnsfilter.journal import Journal
from dnsfilter.memo import Memo, Shelf
from dnsfilter.model import Claim, Client, Credence
from dnsfilter.policy.engine import Engine, View
from dnsfilter.rates import UNLIMITED, Bucket, Rates, Recent
from dnsfilter.sample import mark_of
from dnsfilter.tally import address_text
from dnsfilter.values import Network
from dnsfilter.wire.codes import Flag, Option
from dnsfilter.wire.proxy_protocol import read_value
from dnsfilter.wire.query import Query

MAX_SEATS = 65_536
MAX_PROXIES = 1000
SLICE = 1000
"""How many clients or ready responses are let go of at once: it takes less than a millisecond."""

MAC_SIZE = 6
_NETWORK_SIZE: Final = 8

_MAC: Final = int(Option.MAC)
_TRUNCATED: Final = int(Flag.TC) >> 8


class Seat:
    """One client; `view` is None where it is not served. `entries` are those of its memo.

    `text` stands for the client in sightings: its address, or the device that is known to ask from there. `tokens` are
    what it has taken out of its bucket and its prefix's. Of a forwarder it is believed whose MAC is behind a query.
    `mark` is how the sample of names tells clients apart.
    """

    __slots__ = (
        "address",
        "bucket",
        "entries",
        "is_forwarder",
        "mark",
        "memo",
        "prefix",
        "text",
        "tokens",
        "view",
        "waiting",
    )

    def __init__(self, address: bytes, text: str, view: View | None, memo: Memo, bucket: Bucket) -> None:
        self.address = address
        self.text = text
        self.view = view
        self.memo = memo
        self.entries = memo.entries
        self.bucket = bucket
        self.prefix: Bucket | None = None
        self.tokens = 0.0
        self.waiting = 0
        self.is_forwarder = False
        self.mark = 0

    def recall(self, tail: bytes, now: float) -> bytes | None:
        """Return the ready response to the octets behind a query's ID, and count that it was used.

        A truncated response is for datagrams: whoever has a connection gets all of it (RFC 7766 section 5).
        """
        entry = self.entries.get(tail)
        if entry is None or entry.tail[0] & _TRUNCATED or (now >= entry.fresh_until and not entry.refresh(now)):
            return None
        if not entry.hits:
            self.memo.touched.append(entry)
        entry.hits += 1
        if entry.seen is not None:
            entry.seen[self.text] = entry.seen.get(self.text, 0) + 1
        return entry.tail


class Seats:
    """The client addresses met last since the last change of the policy, at most `MAX_SEATS`.

    Who has shown that an address is its own, by a connection or a cookie, has another seat there, whose tokens nobody
    else can spend.
    """

    def __init__(
        self, configuration: Configuration, engine: Engine, directory: Directory, today: float, journal: Journal
    ) -> None:
        self._journal = journal
        self._networks = configuration.allow_clients
        self._trusted = configuration.listen.proxy_protocol
        self._identity = configuration.identity
        self._rates = Rates(configuration.rate_limit, MAX_SEATS)
        self._engine, self._directory, self._today = engine, directory, today
        self._by_address: Recent[Seat] = Recent(MAX_SEATS)
        self._proven: Recent[Seat] = Recent(MAX_SEATS)
        self._named: Recent[Seat] = Recent(MAX_SEATS)
        self._proxies: Recent[bool] = Recent(MAX_PROXIES)
        self._views: dict[tuple[Client, bool], tuple[View, Memo]] = {}
        self._shelf = Shelf()
        self._unserved = self._shelf.make_memo()

    @property
    def by_address(self) -> dict[bytes, Seat]:
        """The seats taken, for the transport that looks them up itself."""
        return self._by_address

    def list_clients(self) -> Iterator[str]:
        """Yield the addresses of those who have asked since the last change of the policy."""
        for seats in (self._by_address, self._proven, self._named):
            yield from (seat.text for seat in seats.values())

    def take(self, address: bytes, now: float) -> Seat:
        """Return the seat of an address, a new one where it has none; those of strangers and proxies are not kept."""
        seat = self._by_address.get(address)
        if seat is None:
            seat = self._make(address, now)
            if seat.view is not None and not self.is_proxy(address):
                seat.prefix = self._rates.find_prefix(address, now)
                self._by_address.add(address, seat)
        return seat

    def find_mark(self, client: bytes | str) -> int:
        """Return the mark of a client as the memo's entries name it; none for who is not known by an address alone."""
        seat = self._by_address.get(client) if isinstance(client, bytes) else None
        return seat.mark if seat else 0

    def is_proxy(self, address: bytes) -> bool:
        """Whether what comes from an address must begin with a PROXY header."""
        if not self._trusted:
            return False
        known = self._proxies.get(address)
        if known is None:
            place = ip_address(address)
            known = self._proxies.add(address, any(place in network for network in self._trusted))
        return known

    def take_proven(self, address: bytes, now: float, name: str = "", stated: str = "") -> Seat:
        """Return the seat of an address that is the sender's own; `name` is what he calls himself, where that counts.

        `stated` is what a load balancer calls him, whose word goes before his.
        """
        seat = self._proven.get(address)
        if seat is None:
            seat = self._make(address, now)
            if seat.view is not None:
                self._proven.add(address, seat)
        if stated:
            return self.take_stated(seat, stated, now)
        if name and not _holds(self._identity.client_ids, seat):
            self._count(Claim.CLIENT_ID, Credence.UNTRUSTED)
        elif name:
            return self._take_device(Claim.CLIENT_ID, seat, name, now)
        return seat

    def read_stated(self, header: bytes) -> str:
        """Return which device asks, as the PROXY header of a load balancer says it, where it may."""
        kind = self._identity.proxy_tlv
        return read_value(header, kind).decode(errors="replace") if kind else ""

    def take_stated(self, seat: Seat, stated: str, now: float) -> Seat:
        """Return the seat of the device that a load balancer says asks from an address."""
        return self._take_device(Claim.PROXY_TLV, seat, stated, now)

    def take_behind(self, seat: Seat, query: Query, now: float) -> Seat:
        """Return the seat of the device whose MAC a query has, where that counts; no such query is another client's."""
        mac = query.options.get(_MAC)
        if mac is None:
            return seat
        query.is_shareable = False
        if not seat.is_forwarder:
            self._count(Claim.MAC, Credence.UNTRUSTED)
            return seat
        return self._take_named(Claim.MAC, seat, [mac_key(mac[: MAC_SIZE + 1].hex(":"))], now)

    def admit(self, seat: Seat, now: float) -> bool:
        """Get new tokens for a seat that has none left; whether the query that found none may pass."""
        if not self._rates.is_limited:
            seat.tokens = UNLIMITED
            return True
        granted = self._rates.grant(seat.bucket, seat.prefix, now)
        seat.tokens = granted - 1 if granted >= 1 else -1.0
        return granted >= 1

    def slips(self, seat: Seat) -> bool:
        """Count a query over the limit of an address that may be forged; whether it gets an empty, truncated answer."""
        return self._rates.slips(seat.prefix or seat.bucket)

    def memos(self) -> Iterator[tuple[str, Memo]]:
        """Return the memos of all views, each with its group."""
        return ((view.group, memo) for view, memo in self._views.values())

    def let_go(self) -> Iterator[None]:
        """Free what nobody uses any more, a slice at each step: all at once would keep answers waiting."""
        tables: list[Recent[Seat] | Recent[Bucket]] = [
            self._by_address,
            self._proven,
            self._named,
            self._rates.prefixes,
        ]
        for table in tables:
            while table:
                table.shrink(SLICE)
                yield
        for _, memo in self.memos():
            while memo.entries:
                memo.shrink(SLICE)
                yield

    def _make(self, address: bytes, now: float) -> Seat:
        text = address_text(address)
        if not self._is_served(ip_address(text)):
            return Seat(address, text, None, self._unserved, self._rates.open_client(now))
        client = self._directory.find(text, self._today)
        place = ip_address(text)
        is_forwarder = any(place in network for network in self._identity.edns_mac)
        seat = self._seat(address, text, client, now, is_forwarder=is_forwarder)
        seat.is_forwarder = is_forwarder
        return seat

    def _take_device(self, claim: Claim, seat: Seat, name: str, now: float) -> Seat:
        """Return the seat of a device that is named; where its address is that of another one, it is nobody."""
        if seat.view is None:
            self._count(claim, Credence.UNTRUSTED)
            return seat
        keys = [device_key(name)]
        if self._directory.find(seat.text, self._today).device:
            keys.append(seat.text)
        return self._take_named(claim, seat, keys, now)

    def _take_named(self, claim: Claim, seat: Seat, keys: Sequence[str], now: float) -> Seat:
        """Return the seat of whom an address names; it has tokens of its own."""
        place = seat.address + " ".join(keys).encode()
        named = self._named.get(place)
        if named is None:
            client = self._directory.identify(seat.text, keys, self._today)
            text = device_key(client.device) if client.device else " ".join((seat.text, *keys))
            named = self._named.add(place, self._seat(seat.address, text, client, now))
        self._count(claim, Credence.BELIEVED if is_device_key(named.text) else Credence.UNKNOWN)
        return named

    def _count(self, claim: Claim, credence: Credence) -> None:
        self._journal.count("identity_claims", claim, credence)

    def _seat(self, address: bytes, text: str, client: Client, now: float, *, is_forwarder: bool = False) -> Seat:
        """Return a new seat. Forwarders share no memo with those of whom a MAC is not believed."""
        triggers = self._engine.find_triggers(address_text(address))
        kind = Client(client.group, quarantined=client.quarantined, triggers=triggers), is_forwarder
        if kind not in self._views:
            self._views[kind] = self._engine.view(kind[0], self._today), self._shelf.make_memo()
        view, memo = self._views[kind]
        seat = Seat(address, text, view, memo, self._rates.open_client(now))
        # Who has many addresses is one client: a known device, and whoever shares the first half of an IPv6 address.
        seat.mark = mark_of(client.device or (address[:_NETWORK_SIZE] if ":" in text else text))
        return seat

    def _is_served(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def _holds(networks: Iterable[Network], seat: Seat) -> bool:
    address = ip_address(seat.text)
    return any(address in network for network in networks)
