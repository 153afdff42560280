"""Exports: what policies block, in the syntax of other servers. Pure: text from lists and a function that decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dnsfilter.blocklist.export.adguard import write_adguard
from dnsfilter.blocklist.export.coverage import Coverage
from dnsfilter.blocklist.export.dnsmasq import write_dnsmasq
from dnsfilter.blocklist.export.document import Document
from dnsfilter.blocklist.export.gateway import Gateway, write_gateway
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


@dataclass(frozen=True, slots=True)
class Remarks:
    """What the first lines of an export tell: where it comes from, and what never reached the writers."""

    about: Sequence[str] = ()
    lost: Sequence[str] = ()


def write_export(
    syntax: ExportFormat,
    coverage: Coverage,
    sinkhole: Sinkhole,
    serial: int,
    remarks: Remarks,
    gateway: Gateway | None = None,
) -> tuple[str, list[str]]:
    """Return the text of an export and what it cannot say; with a gateway the rules of that one."""
    document = write_gateway(gateway, coverage, sinkhole) if gateway else _WRITERS[syntax](coverage, sinkhole, serial)
    losses = [*remarks.lost, *document.losses]
    command = f"dnsfilter lists export --format {syntax}" + (f" --gateway {gateway.redirect}" if gateway else "")
    comment = _COMMENTS.get(syntax, "#")
    head = [command, *remarks.about, *(f"not expressed: {loss}" for loss in losses)]
    return "".join(f"{line}\n" for line in [*(f"{comment} {line}" for line in head), *document.lines]), losses
