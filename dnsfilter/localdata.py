"""Local data: the records of the configuration, answered by ourselves (RPZ's LOCAL-DATA)."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from dnsfilter.localtable import NO_TABLE, LocalTable, make_table
from dnsfilter.names import DESIGNATION
from dnsfilter.settings.edns import Chaos
from dnsfilter.settings.resolver import Listen
from dnsfilter.wire.codes import Class, Type
from dnsfilter.wire.name import from_text, to_text
from dnsfilter.wire.query import RECORD
from dnsfilter.wire.response import POINTER_TO_QNAME, Records, build_soa, build_text
from dnsfilter.wire.service import DOT, HTTP_2, build_service
from dnsfilter.wire.zone import parse_record

LOCALHOST = (
    "localhost. 86400 IN A 127.0.0.1",
    "localhost. 86400 IN AAAA ::1",
    "*.localhost. 86400 IN A 127.0.0.1",
    "*.localhost. 86400 IN AAAA ::1",
    f"{ip_address('127.0.0.1').reverse_pointer}. 86400 IN PTR localhost.",
    f"{ip_address('::1').reverse_pointer}. 86400 IN PTR localhost.",
)
"""RFC 6761 section 6.3, and the way back."""

NEGATIVE_TTL = 60
DESIGNATION_TTL = 300
REVERSE_TTL = 300
DOH_PATH = "/dns-query{?dns}"
MAX_ALIASES = 8
FEW = 1000
"""Records that whoever answers makes ready by himself; of more the plain ones come ready-made."""

_PLAIN = re.compile(r"((?:[a-z0-9_-]+\.)+) [0-9]+ IN (A|AAAA|PTR) (\S+)")
"""Lines whose owner is known without reading all of them: hosts files have many."""

_DATA = len(POINTER_TO_QNAME) + RECORD.size
"""Where in a record its data stands."""

_WILDCARD = r"\042."
"""`*.` in canonical names."""

_ADDRESSES = frozenset(map(int, (Type.A, Type.AAAA)))

Types = dict[int, list[bytes]]
"""The records of an owner, by their type."""


class LocalData:
    """Records by owner: canonical names, `owners` and those of a table.

    Records of an owner are read when it is first asked for, those of the table whenever one is.
    """

    def __init__(self, lines: Iterable[str], listen: Listen, table: LocalTable = NO_TABLE) -> None:
        """ValueError where a line is no record."""
        self._table = table
        self._has_table = len(table) > 0
        self.owners: dict[str, list[str] | Types] = {}
        for line in (*LOCALHOST, *lines):
            plain = _PLAIN.fullmatch(line)
            owner = plain[1][:-1] if plain else parse_record(line)[0]
            self.owners.setdefault(owner, []).append(line)  # type: ignore[union-attr]
        if listen.is_designated:
            self.owners[DESIGNATION] = {int(Type.SVCB): list(_designate(listen))}
        self._wild = {owner.rpartition(".")[2] for owner in self.owners if owner.startswith(_WILDCARD)}

    def locate(self, name: str) -> str | None:
        """Return whose records answer for a name: its own, or those of the wildcard nearest above (RFC 4592)."""
        owners = self.owners
        if name in owners or (self._has_table and name in self._table):
            return name
        if name.rpartition(".")[2] not in self._wild:
            return None
        while name:
            name = name.partition(".")[2]
            if (wildcard := _WILDCARD + name) in owners:
                return wildcard
            if self._has(name):
                break
        return None

    def _has(self, name: str) -> bool:
        return name in self.owners or name in self._table

    def find(self, name: str, qtype: int) -> Records:
        """Return the records of an owner, NODATA where it has none of the type."""
        return self.follow(self._read(name), qtype)

    def follow(self, types: Types, qtype: int) -> Records:
        """Return what an owner of these records answers, NODATA where it has none of the type.

        A CNAME answers every type, with what it leads to among the owners (RFC 1034 section 3.6.2); where it leads out,
        whoever asked goes on.
        """
        body, count, owner = b"", 0, POINTER_TO_QNAME
        for _ in range(MAX_ALIASES):
            found = types.get(qtype)
            records = found or types.get(Type.CNAME)
            if not records:
                return _join(count, body, build_soa(NEGATIVE_TTL, owner=owner))
            body += b"".join(owner + record[len(POINTER_TO_QNAME) :] for record in records)
            count += len(records)
            owner = records[0][_DATA:]
            if found or not self._has(name := to_text(owner)):
                break
            types = self._read(name)
        return Records(count, body=body)

    def _read(self, name: str) -> Types:
        types = self.owners.get(name)
        if types is None:
            return self._table.get(name)
        if isinstance(types, list):
            types = self.owners[name] = read_records(types)
        return types


def read_records(lines: Iterable[str]) -> Types:
    """Return the records of one owner by type, each once."""
    types: dict[int, dict[bytes, bytes]] = {}
    for line in lines:
        _, rtype, record = parse_record(line)
        types.setdefault(rtype, {}).setdefault(record[_DATA:], record)
    return {rtype: list(records.values()) for rtype, records in types.items()}


def compile_local(lines: Iterable[str]) -> tuple[tuple[str, ...], LocalTable]:
    """Return what is left of many records when those that can be made ready for all who answer are in a table.

    An owner is in the table with all that it has, or not at all. The lines are records, as somebody has checked before.
    """
    lines = tuple(lines)
    if len(lines) <= FEW:
        return lines, NO_TABLE
    odd = {parse_record(line)[0] for line in (*LOCALHOST, *lines) if not _PLAIN.fullmatch(line)}
    odd.update(line.partition(". ")[0] for line in LOCALHOST)
    kept: list[str] = []
    records: dict[str, list[bytes]] = defaultdict(list)
    for line in lines:
        plain = _PLAIN.fullmatch(line)
        owner = plain[1][:-1] if plain else ""
        if plain is None or owner in odd:
            kept.append(line)
        else:
            records[owner].append(_pack_plain(line))
    return tuple(kept), make_table(records)


def _pack_plain(line: str) -> bytes:
    """Return the record of a line that is plain, in wire form; it takes a tenth of the time to parse any."""
    _, ttl, _, rtype, data = line.split()
    rdata = from_text(data) if rtype == "PTR" else ip_address(data).packed
    return POINTER_TO_QNAME + RECORD.pack(Type[rtype], Class.IN, int(ttl), len(rdata)) + rdata


def _join(count: int, body: bytes, negative: Records) -> Records:
    """Return aliases that lead to nothing of the type, and the SOA that says so (RFC 2308 section 2.2)."""
    return Records(count, negative.authorities, body=body + negative.body)


def find_reverse(lines: Iterable[str]) -> Iterator[str]:
    """Yield PTR records for the addresses of records: to the first name of each, unless one says where (RFC 1035, 3.5).

    ValueError where a line is no record.
    """
    names: dict[str, str] = {}
    known: set[str] = set()
    for line in (*LOCALHOST, *lines):
        plain = _PLAIN.fullmatch(line)
        if plain and plain[2] != "PTR":
            names.setdefault(ip_address(plain[3]).reverse_pointer, plain[1])
        else:
            owner, rtype, record = parse_record(line)
            if owner.startswith(_WILDCARD):
                continue
            if rtype in _ADDRESSES:
                names.setdefault(ip_address(record[_DATA:]).reverse_pointer, owner + ".")
            elif rtype == Type.PTR:
                known.add(owner)
    return (f"{owner}. {REVERSE_TTL} IN PTR {name}" for owner, name in names.items() if owner not in known)


class ServerData:
    """What a server says of itself in class CHAOS (RFC 4892), as far as the configuration lets it."""

    def __init__(self, chaos: Chaos) -> None:
        texts = dict.fromkeys(("version.bind", "version.server"), chaos.version)
        texts |= dict.fromkeys(("hostname.bind", "id.server"), chaos.identity)
        self._answers = {name: build_text(text, Class.CHAOS, 0) for name, text in texts.items() if text}

    def find(self, name: str, qtype: int) -> Records | None:
        """Return the answer to a query, None where there is nothing to say."""
        return self._answers.get(name) if qtype in (Type.TXT, Type.ANY) else None


def _designate(listen: Listen) -> Iterator[bytes]:
    """Yield a record for every port that answers encrypted, HTTPS preferred (RFC 9462 section 4, RFC 9461)."""
    assert listen.name
    offers = [(HTTP_2, DOH_PATH, port) for port in sorted({endpoint.port for endpoint in listen.https})]
    offers += [(DOT, "", port) for port in sorted({endpoint.port for endpoint in listen.tls})]
    for priority, (protocol, path, port) in enumerate(offers, 1):
        yield build_service(listen.name, priority, protocol, port, path, DESIGNATION_TTL)
