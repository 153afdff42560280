"""Local data: the records of the configuration, answered by ourselves (RPZ's LOCAL-DATA)."""

from collections.abc import Iterable, Iterator

from dnsfilter.names import DESIGNATION
from dnsfilter.settings.resolver import Listen
from dnsfilter.wire.codes import Type
from dnsfilter.wire.response import Records, build_soa
from dnsfilter.wire.service import DOT, HTTP_2, build_service
from dnsfilter.wire.zone import parse_record

LOCALHOST = ("localhost. 86400 IN A 127.0.0.1", "localhost. 86400 IN AAAA ::1")
"""RFC 6761, section 6.3."""

NEGATIVE_TTL = 60
DESIGNATION_TTL = 300
DOH_PATH = "/dns-query{?dns}"


class LocalData:
    """Records by owner (`owners`, canonical names) and type."""

    def __init__(self, lines: Iterable[str], listen: Listen) -> None:
        """ValueError where a line is no record."""
        self.owners: dict[str, dict[int, list[bytes]]] = {}
        for line in (*LOCALHOST, *lines):
            owner, rtype, record = parse_record(line)
            self.owners.setdefault(owner, {}).setdefault(rtype, []).append(record)
        if listen.is_designated:
            self.owners[DESIGNATION] = {int(Type.SVCB): list(_designate(listen))}

    def find(self, name: str, qtype: int) -> Records:
        """Return the records of one of the `owners`, NODATA where it has none of the type.

        A CNAME answers every type; whoever asked follows it.
        """
        types = self.owners[name]
        records = types.get(qtype) or types.get(Type.CNAME, [])
        return Records(len(records), body=b"".join(records)) if records else build_soa(NEGATIVE_TTL)


def _designate(listen: Listen) -> Iterator[bytes]:
    """Yield a record for every port that answers encrypted, HTTPS preferred (RFC 9462 section 4, RFC 9461)."""
    assert listen.name
    offers = [(HTTP_2, DOH_PATH, port) for port in sorted({endpoint.port for endpoint in listen.https})]
    offers += [(DOT, "", port) for port in sorted({endpoint.port for endpoint in listen.tls})]
    for priority, (protocol, path, port) in enumerate(offers, 1):
        yield build_service(listen.name, priority, protocol, port, path, DESIGNATION_TTL)
