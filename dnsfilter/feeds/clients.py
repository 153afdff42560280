"""The client snapshot: the table of known devices in one file, replaced by rename, read whole by workers and addon.

    magic, SHA-256 of the rest | header length | header (JSON: quarantined devices) | packed table (marisa trie)

It holds ids of devices, addresses and groups; no name, no owner, no MAC.
"""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import marisa_trie

from dnsfilter.clients.inventory import parse_inventory
from dnsfilter.clients.leases import Lease, parse_leases
from dnsfilter.clients.table import ClientTable, compile_table
from dnsfilter.config import Configuration
from dnsfilter.errors import Problem, SnapshotError
from dnsfilter.model import Device

FILE_NAME = "clients"

_MAGIC = b"dnscli1\n"
_PREFIX = struct.Struct("!8s32s")
_LENGTH = struct.Struct("!Q")

Quarantined = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class ClientSources:
    """What inventory and lease files say; `is_complete` unless one of them cannot be read at all."""

    devices: tuple[Device, ...] = ()
    leases: tuple[Lease, ...] = ()
    problems: tuple[Problem, ...] = ()
    is_complete: bool = True


def read_client_sources(configuration: Configuration) -> ClientSources:
    """Read inventory and lease files; what cannot be read is a problem and the rest goes on."""
    devices: list[Device] = []
    leases: list[Lease] = []
    problems: list[Problem] = []
    unreadable: list[Problem] = []
    if configuration.inventory and (text := _read(configuration.inventory, unreadable)) is not None:
        groups = {group.name for group in configuration.groups}
        devices, problems = parse_inventory(text, configuration.inventory, groups)
    for source in configuration.leases:
        if (text := _read(source.file, unreadable)) is not None:
            found, complaints = parse_leases(text, source.file)
            leases += found
            problems += complaints
    return ClientSources(tuple(devices), tuple(leases), (*unreadable, *problems), not unreadable)


def _read(file: str, unreadable: list[Problem]) -> str | None:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        unreadable.append(Problem(f"cannot be read: {error.strerror}", file))
        return None


def refresh_clients(configuration: Configuration, directory: Path, now: float) -> tuple[Problem, ...]:
    """Publish what the sources say now; return what is wrong with them."""
    sources = read_client_sources(configuration)
    publish_sources(sources, directory, now)
    return sources.problems


def publish_sources(sources: ClientSources, directory: Path, now: float) -> None:
    """Publish sources under the quarantines in force; where one cannot be read, what was published before stays."""
    try:
        published = read_clients(directory)
    except SnapshotError:
        published = None
    if published is None or sources.is_complete:
        quarantined = published.quarantined if published else {}
        publish_clients(compile_table(sources.devices, sources.leases, quarantined, now), directory)


def publish_clients(table: ClientTable, directory: Path) -> None:
    """Replace the client snapshot in one step; SnapshotError when it cannot."""
    header = json.dumps(
        {"quarantined": {device: sorted(names) for device, names in table.quarantined.items()}}
    ).encode()
    body = _LENGTH.pack(len(header)) + header + table.packed.tobytes()
    temporary = directory / f".{FILE_NAME}.{os.getpid()}"
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_PREFIX.pack(_MAGIC, hashlib.sha256(body).digest()))
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / FILE_NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SnapshotError(f"{directory}: cannot publish the client snapshot: {error.strerror}") from None


def read_clients(directory: Path) -> ClientTable:
    """Read and check the client snapshot in force; SnapshotError when there is none or it is damaged."""
    path = directory / FILE_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) < _PREFIX.size:
        raise SnapshotError(f"{path}: is shorter than its header")
    magic, digest = _PREFIX.unpack_from(data)
    body = data[_PREFIX.size :]
    if magic != _MAGIC or hashlib.sha256(body).digest() != digest:
        raise SnapshotError(f"{path}: is damaged, or from another version of dnsfilter")
    (header_length,) = _LENGTH.unpack_from(body)
    header, packed = body[_LENGTH.size :][:header_length], body[_LENGTH.size + header_length :]
    quarantined = {device: frozenset(names) for device, names in json.loads(header)["quarantined"].items()}
    return ClientTable(marisa_trie.BytesTrie().frombytes(packed), quarantined)
