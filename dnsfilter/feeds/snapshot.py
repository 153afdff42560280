"""The snapshot: configuration and compiled lists in one file, published by rename, read whole by every process.

    magic, header length, SHA-256 of the rest | header (JSON) | name indexes (marisa tries)

Readers copy the file into memory instead of mapping it: a mapped file that is truncated on disk kills its readers with
SIGBUS, and a million names are 12 MB. A reader sees one generation, whole, or none.
"""

import hashlib
import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import marisa_trie

from dnsfilter.config import Configuration
from dnsfilter.errors import SnapshotError
from dnsfilter.model import CompiledList, DnsAction, Grade, Match, NameIndex, Role, Rule

FILE_NAME = "snapshot"

_MAGIC = b"dnsflt1\n"
_PREFIX = struct.Struct("!8sQ32s")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a process needs to decide; `created` is seconds since the epoch."""

    generation: int
    created: float
    configuration: Configuration
    lists: tuple[CompiledList, ...]


def publish_snapshot(snapshot: Snapshot, directory: Path) -> None:
    """Write the snapshot beside the one in force, then replace it in one step; SnapshotError when it cannot."""
    sections: list[bytes] = []
    header = json.dumps(
        {
            "generation": snapshot.generation,
            "created": snapshot.created,
            "configuration": snapshot.configuration.model_dump(mode="json"),
            "lists": [_dump_list(compiled, sections) for compiled in snapshot.lists],
        }
    ).encode()
    body = b"".join([header, *sections])
    temporary = directory / f".{FILE_NAME}.{os.getpid()}"
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_PREFIX.pack(_MAGIC, len(header), hashlib.sha256(body).digest()))
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / FILE_NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SnapshotError(f"{directory}: cannot publish the snapshot: {error.strerror}") from None


def read_snapshot(directory: Path) -> Snapshot:
    """Read and check the snapshot in force; SnapshotError when there is none or it is damaged."""
    path = directory / FILE_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) < _PREFIX.size:
        raise SnapshotError(f"{path}: is shorter than its header")
    magic, header_length, digest = _PREFIX.unpack_from(data)
    body = memoryview(data)[_PREFIX.size :]
    if magic != _MAGIC or hashlib.sha256(body).digest() != digest:
        raise SnapshotError(f"{path}: is damaged, or from another version of dnsfilter")
    header = json.loads(bytes(body[:header_length]))
    return Snapshot(
        header["generation"],
        header["created"],
        Configuration.model_validate(header["configuration"]),
        tuple(_load_list(fields, body[header_length:]) for fields in header["lists"]),
    )


def _dump_list(compiled: CompiledList, sections: list[bytes]) -> dict[str, Any]:
    return {
        "name": compiled.name,
        "app": compiled.app,
        "role": compiled.role,
        "grade": compiled.grade,
        "entries": compiled.entries,
        "changed": compiled.changed,
        "rules": [
            [rule.app, rule.match, rule.text, rule.role, rule.grade, rule.answer, rule.passthru]
            for rule in compiled.rules
        ],
        "blocked": _dump_index(compiled.blocked, sections),
        "passed": _dump_index(compiled.passed, sections),
    }


def _dump_index(names: NameIndex | None, sections: list[bytes]) -> list[int] | None:
    if names is None:
        return None
    assert isinstance(names, marisa_trie.Trie)
    offset = sum(map(len, sections))
    sections.append(names.tobytes())
    return [offset, len(sections[-1])]


def _load_list(fields: dict[str, Any], sections: memoryview) -> CompiledList:
    return CompiledList(
        fields["name"],
        fields["app"],
        Role(fields["role"]),
        Grade(fields["grade"]),
        fields["entries"],
        tuple(_load_rule(fields["name"], values) for values in fields["rules"]),
        _load_index(fields["blocked"], sections),
        _load_index(fields["passed"], sections),
        fields["changed"],
    )


def _load_rule(blocklist: str, values: list[Any]) -> Rule:
    app, match, text, role, grade, answer, passthru = values
    return Rule(blocklist, app, Match(match), text, Role(role), Grade(grade), answer and DnsAction(answer), passthru)


def _load_index(place: list[int] | None, sections: memoryview) -> NameIndex | None:
    if place is None:
        return None
    # map() would borrow the buffer without keeping it alive.
    names: NameIndex = marisa_trie.Trie().frombytes(bytes(sections[place[0] : place[0] + place[1]]))
    return names
