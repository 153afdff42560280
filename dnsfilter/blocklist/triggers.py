"""What records of a response policy zone mean: what a trigger is about, what happens to it, and local data.

NXDOMAIN, NODATA, DROP and addresses that lead nowhere are all "listed" for a name or an address that it leads to: what
that gets is the policy's decision, as with a resolver that overrides the actions of a zone. A client gets what the zone
gives, and so does whatever has local data.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import NamedTuple

from dnsfilter.blocklist.lines import check_length, quote, read_name
from dnsfilter.model import DnsAction, Match
from dnsfilter.names import canonical
from dnsfilter.wire.zone import parse_record

NETWORK_TRIGGERS = {"rpz-ip": Match.NETWORK, "rpz-client-ip": Match.CLIENT}
UNSEEN_TRIGGERS = frozenset(("rpz-nsip", "rpz-nsdname"))
TRIGGERS = NETWORK_TRIGGERS.keys() | UNSEEN_TRIGGERS

_ACTIONS = {".": DnsAction.NXDOMAIN, "*.": DnsAction.NODATA, "rpz-drop.": DnsAction.DROP}
_PASSTHRU = "rpz-passthru."
_ADDRESSES: dict[str, Callable[[str], IPv4Address | IPv6Address]] = {"a": IPv4Address, "aaaa": IPv6Address}
_READABLE = frozenset(("txt", "ptr", "mx", "srv", "https", "caa", "naptr", "sshfp", "tlsa"))
"""Types whose presentation form is read; any other has to be written as octets (RFC 3597 section 5)."""

_OCTETS = "\\#"
_NAME_FIELDS = {"cname": 0, "ptr": 0, "mx": 1, "https": 1, "srv": 3}
"""Which field of a type's data is a name, and may be relative."""

_NO_DATA = frozenset(("soa", "ns", "dname", "ds", "dnskey", "rrsig", "nsec", "nsec3", "nsec3param"))
"""Types about zones, which say nothing about a name that is in no zone of ours."""


class Action(NamedTuple):
    """What a record does to its trigger: list it (`answer` is how the zone means that), free it, or answer `data`."""

    answer: DnsAction | None = None
    data: str = ""


class Trigger(NamedTuple):
    """What a record is about: names, addresses that names lead to, or who asks."""

    match: Match
    text: str


def read_trigger(owner: str) -> Trigger:
    """Read an owner name without that of its zone; ValueError says what is wrong with it."""
    start, _, kind = owner.rpartition(".")
    if owner == "*":
        raise ValueError(f"{quote(owner)} covers every name: too broad")
    if kind in UNSEEN_TRIGGERS:
        raise ValueError(f"{quote(owner)}: trigger {kind} is not supported: a forwarder never sees name servers")
    if kind in NETWORK_TRIGGERS:
        return Trigger(NETWORK_TRIGGERS[kind], _read_network(owner, start))
    return Trigger(Match.BELOW if owner.startswith("*.") else Match.EXACT, read_name(owner.removeprefix("*.")))


def _read_network(owner: str, text: str) -> str:
    """Read a prefix length, then the address from its end to its beginning, in which `zz` is IPv6's `::`."""
    length, *parts = text.split(".")
    if len(parts) == 4 and "zz" not in parts:  # noqa: PLR2004 - the octets of an IPv4 address
        address = ".".join(reversed(parts))
    else:
        address = ":".join("" if part == "zz" else part for part in reversed(parts))
        address = f":{address}" if parts[-1:] == ["zz"] else address
        address = f"{address}:" if parts[:1] == ["zz"] else address
    try:
        return str(ip_network(f"{address}/{length}"))
    except ValueError as error:
        raise ValueError(f"{quote(owner)}: {error}") from None


def write_network(text: str, kind: str) -> str:
    """Return the owner of a trigger about a network, the inverse of reading it."""
    network = ip_network(text)
    if network.version == 4:  # noqa: PLR2004
        parts = str(network.network_address).split(".")
    else:
        start, _, end = str(network.network_address).partition("::")
        parts = [*start.split(":"), "zz", *end.split(":")] if "::" in str(network.network_address) else start.split(":")
    return ".".join((str(network.prefixlen), *(part for part in reversed(parts) if part), kind))


def read_action(trigger: Trigger, owner: str, rrtype: str, rdata: list[str], origin: str, ttl: int) -> Action:
    """Read type and data of a record; ValueError says what is wrong with them."""
    data = list(rdata)
    place = _NAME_FIELDS.get(rrtype)
    if place is not None and len(data) > place:
        data[place] = _to_absolute(data[place].lower(), origin)
    if rrtype != "cname":
        return _read_data(trigger, owner, rrtype, data, ttl)
    if len(data) != 1:
        raise ValueError(f"{quote(owner)}: a CNAME leads to one name")
    target = data[0]
    if target == _PASSTHRU or (trigger.match is Match.EXACT and target == f"{trigger.text}."):  # its older form
        return Action()
    if target in _ACTIONS:
        return Action(_ACTIONS[target])
    if target.startswith(("*.", "rpz-")) or (origin and f".{target}".endswith(f".{origin}.")):
        raise ValueError(f"{quote(owner)}: action CNAME {quote(rdata[0])} is not supported")
    return Action(DnsAction.SINKHOLE, f"{ttl} CNAME {canonical(target)}.")


def _to_absolute(name: str, origin: str) -> str:
    if name.endswith("."):
        return name
    return f"{name}.{origin}." if origin else f"{name}."


def _read_data(trigger: Trigger, owner: str, rrtype: str, data: list[str], ttl: int) -> Action:
    if rrtype in _ADDRESSES:
        address = _read_address(owner, rrtype, data)
        if trigger.match is not Match.CLIENT and (address.is_unspecified or address.is_loopback):
            return Action(DnsAction.NULL)
        return Action(DnsAction.SINKHOLE, f"{ttl} {rrtype.upper()} {address}")
    is_octets = data[:1] == [_OCTETS]
    if rrtype in _NO_DATA or (rrtype in _READABLE) is is_octets:
        raise ValueError(f"{quote(owner)}: local data ({rrtype.upper()[:20]}) is not supported in this form")
    text = f"{ttl} {rrtype.upper()} {' '.join(data)}"
    check_length(text)
    try:
        record = parse_record(f"trigger. {text}")[2]
        is_as_written = not is_octets or record.endswith(bytes.fromhex("".join(data[2:])))
    except ValueError:
        is_as_written = False
    if not is_as_written:
        raise ValueError(f"{quote(owner)}: {quote(text)} is no record that can be read")
    return Action(DnsAction.SINKHOLE, text)


def _read_address(owner: str, rrtype: str, data: list[str]) -> IPv4Address | IPv6Address:
    try:
        return _ADDRESSES[rrtype](" ".join(data))
    except ValueError as error:
        raise ValueError(f"{quote(owner)}: {error}") from None
