"""Local data: the records of the configuration, answered by ourselves (RPZ's LOCAL-DATA)."""

from collections.abc import Iterable

from dnsfilter.wire.codes import Type
from dnsfilter.wire.response import Records, build_soa
from dnsfilter.wire.zone import parse_record

LOCALHOST = ("localhost. 86400 IN A 127.0.0.1", "localhost. 86400 IN AAAA ::1")
"""RFC 6761, section 6.3."""

NEGATIVE_TTL = 60


class LocalData:
    """Records by owner (`owners`, canonical names) and type."""

    def __init__(self, lines: Iterable[str]) -> None:
        """ValueError where a line is no record."""
        self.owners: dict[str, dict[int, list[bytes]]] = {}
        for line in (*LOCALHOST, *lines):
            owner, rtype, record = parse_record(line)
            self.owners.setdefault(owner, {}).setdefault(rtype, []).append(record)

    def find(self, name: str, qtype: int) -> Records:
        """Return the records of one of the `owners`, NODATA where it has none of the type.

        A CNAME answers every type; whoever asked follows it.
        """
        types = self.owners[name]
        records = types.get(qtype) or types.get(Type.CNAME, [])
        return Records(len(records), body=b"".join(records)) if records else build_soa(NEGATIVE_TTL)
