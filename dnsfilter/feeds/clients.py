"""The client snapshot: the table of known devices in one container, read whole by workers and addon.

The header names quarantined devices, the octets are the packed table (marisa trie). It holds ids of devices, addresses
and groups; no name, no owner, and MACs only where `identity.edns_mac` lets somebody say them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import marisa_trie

from dnsfilter.clients.inventory import parse_inventory
from dnsfilter.clients.leases import Lease, LeaseFile, companions, parse_leases
from dnsfilter.clients.table import ClientTable, compile_table
from dnsfilter.config import Configuration
from dnsfilter.errors import Problem, SnapshotError
from dnsfilter.feeds import container
from dnsfilter.model import Device
from dnsfilter.settings.identity import Identity
from dnsfilter.settings.order import Leases

FILE_NAME = "clients"

_MAGIC = b"dnscli2\n"

_Said = TypeVar("_Said")

Quarantined = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class ClientSources:
    """What inventory and lease files say; `is_complete` unless one of them cannot be read at all."""

    devices: tuple[Device, ...] = ()
    leases: tuple[Lease, ...] = ()
    problems: tuple[Problem, ...] = ()
    is_complete: bool = True


class Parsed:
    """What files said the last time: who reads them again and again parses only those that say something else."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, Any]] = {}

    def get(self, name: str, content: object, parse: Callable[[], _Said]) -> _Said:
        """Return what the content says."""
        kept = self._kept.get(name)
        if kept is None or kept[0] != content:
            kept = self._kept[name] = content, parse()
        said: _Said = kept[1]
        return said


def read_client_sources(configuration: Configuration, parsed: Parsed | None = None) -> ClientSources:
    """Read inventory and lease files; what cannot be read is a problem and the rest goes on."""
    parsed = parsed or Parsed()
    devices: list[Device] = []
    leases: list[Lease] = []
    problems: list[Problem] = []
    unreadable: list[Problem] = []
    if configuration.inventory and (text := _read(configuration.inventory, unreadable)) is not None:
        inventory = text, configuration.inventory, frozenset(group.name for group in configuration.groups)
        devices, mistakes = parsed.get("inventory", inventory, partial(parse_inventory, *inventory))
        problems += mistakes
    for index, source in enumerate(configuration.leases):
        files = list(_read_leases(source, unreadable))
        found, complaints = parsed.get(f"leases[{index}]", files, partial(parse_leases, files, source.format))
        leases += found
        problems += complaints
    return ClientSources(tuple(devices), tuple(leases), (*unreadable, *problems), not unreadable)


def _read_leases(source: Leases, unreadable: list[Problem]) -> Iterator[LeaseFile]:
    present = [file for file in companions(source.file, source.format) if _written(file) > -inf]
    for file in (*present, source.file):
        if (text := _read(file, unreadable)) is not None:
            yield LeaseFile(text, file, _written(file))


def _written(file: str) -> float:
    try:
        return Path(file).stat().st_mtime
    except OSError:  # gone since it was read
        return -inf


def _read(file: str, unreadable: list[Problem]) -> str | None:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        unreadable.append(Problem(f"cannot be read: {error.strerror}", file))
        return None


def refresh_clients(configuration: Configuration, directory: Path, now: float) -> tuple[Problem, ...]:
    """Publish what the sources say now; return what is wrong with them."""
    sources = read_client_sources(configuration)
    publish_sources(sources, configuration.identity, directory, now)
    return sources.problems


def publish_sources(sources: ClientSources, identity: Identity, directory: Path, now: float) -> None:
    """Publish sources under the quarantines in force; where one cannot be read, what was published before stays."""
    try:
        published = read_clients(directory)
    except SnapshotError:
        published = None
    if published is None or sources.is_complete:
        quarantined = published.quarantined if published else {}
        publish_clients(compile_table(sources.devices, sources.leases, quarantined, now, identity), directory)


def publish_clients(table: ClientTable, directory: Path) -> None:
    """Replace the client snapshot in one step; SnapshotError when it cannot."""
    quarantined = {device: sorted(names) for device, names in table.quarantined.items()}
    container.publish(directory / FILE_NAME, _MAGIC, {"quarantined": quarantined}, table.packed.tobytes())


def publish_quarantined(quarantined: Quarantined, directory: Path) -> bool:
    """Put other quarantines in force, the devices stay; whether they were others. SnapshotError when it cannot."""
    header, packed = container.read(directory / FILE_NAME, _MAGIC)
    wanted = {device: sorted(names) for device, names in quarantined.items()}
    if wanted == header["quarantined"]:
        return False
    container.publish(directory / FILE_NAME, _MAGIC, {**header, "quarantined": wanted}, bytes(packed))
    return True


def read_clients(directory: Path) -> ClientTable:
    """Read and check the client snapshot in force; SnapshotError when there is none or it is damaged."""
    header, packed = container.read(directory / FILE_NAME, _MAGIC)
    quarantined = {device: frozenset(names) for device, names in header["quarantined"].items()}
    return ClientTable(marisa_trie.BytesTrie().frombytes(bytes(packed)), quarantined)
