"""Exports: what policies block, in the syntax of other servers. Pure: text from lists and a function that decides."""

from collections.abc import Callable, Iterable
from enum import StrEnum

from dnsfilter.blocklist.export.adguard import write_adguard
from dnsfilter.blocklist.export.coverage import Coverage
from dnsfilter.blocklist.export.dnsmasq import write_dnsmasq
from dnsfilter.blocklist.export.document import Document
from dnsfilter.blocklist.export.hosts import write_hosts
from dnsfilter.blocklist.export.nftables import write_nftables
from dnsfilter.blocklist.export.rpz import write_rpz
from dnsfilter.blocklist.export.unbound import write_unbound
from dnsfilter.settings.resolver import Sinkhole


class ExportFormat(StrEnum):
    """The syntax of an export."""

    RPZ = "rpz"
    HOSTS = "hosts"
    UNBOUND = "unbound"
    DNSMASQ = "dnsmasq"
    ADGUARD = "adguard"
    NFTABLES = "nftables"


_WRITERS: dict[ExportFormat, Callable[[Coverage, Sinkhole, int], Document]] = {
    ExportFormat.RPZ: write_rpz,
    ExportFormat.HOSTS: write_hosts,
    ExportFormat.UNBOUND: write_unbound,
    ExportFormat.DNSMASQ: write_dnsmasq,
    ExportFormat.ADGUARD: write_adguard,
    ExportFormat.NFTABLES: write_nftables,
}
_COMMENTS = {ExportFormat.RPZ: ";", ExportFormat.ADGUARD: "!"}


def write_export(
    syntax: ExportFormat, coverage: Coverage, sinkhole: Sinkhole, serial: int, about: Iterable[str], lost: Iterable[str]
) -> tuple[str, list[str]]:
    """Return the text of an export and what it cannot say, `lost` among it; `about` tells where it comes from."""
    lines, losses = _WRITERS[syntax](coverage, sinkhole, serial)
    losses = [*lost, *losses]
    comment = _COMMENTS.get(syntax, "#")
    head = [f"dnsfilter lists export --format {syntax}", *about, *(f"not expressed: {loss}" for loss in losses)]
    return "".join(f"{line}\n" for line in [*(f"{comment} {line}" for line in head), *lines]), losses
