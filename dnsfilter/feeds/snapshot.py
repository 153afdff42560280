"""The snapshot: configuration and compiled lists in one container, read whole by every process.

The header is JSON, the octets are name indexes (marisa tries). A reader sees one generation, or none.
"""

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import marisa_trie
from pydantic import ValidationError

from dnsfilter.config import Configuration
from dnsfilter.errors import SnapshotError
from dnsfilter.feeds import container
from dnsfilter.localtable import NO_TABLE, LocalTable
from dnsfilter.model import CompiledList, DnsAction, Grade, Match, NameIndex, Role, Rule

FILE_NAME = "snapshot"

_MAGIC = b"dnsflt3\n"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a process needs to decide; `created` is seconds since the epoch.

    `secrets` are those of server cookies: all workers change over to others at once; by `loop_key`, which nobody else
    has, they know the queries by which they look for loops; `local` are the records that the configuration has not.
    """

    generation: int
    created: float
    configuration: Configuration
    lists: tuple[CompiledList, ...]
    secrets: tuple[bytes, ...] = ()
    loop_key: bytes = field(default_factory=partial(os.urandom, 16))
    local: LocalTable = NO_TABLE


def publish_snapshot(snapshot: Snapshot, directory: Path) -> None:
    """Put a snapshot in force; SnapshotError when it cannot."""
    sections: list[bytes] = []
    header = {
        "generation": snapshot.generation,
        "created": snapshot.created,
        "configuration": snapshot.configuration.model_dump(mode="json"),
        "lists": [_dump_list(compiled, sections) for compiled in snapshot.lists],
        "secrets": [secret.hex() for secret in snapshot.secrets],
        "loop_key": snapshot.loop_key.hex(),
        "local": _dump_table(snapshot.local, sections),
    }
    container.publish(directory / FILE_NAME, _MAGIC, header, b"".join(sections))


def read_snapshot(directory: Path) -> Snapshot:
    """Read and check the snapshot in force; SnapshotError when there is none or it is damaged."""
    header, sections = container.read(directory / FILE_NAME, _MAGIC)
    try:
        configuration = Configuration.model_validate(header["configuration"])
        lists = tuple(_load_list(fields, sections) for fields in header["lists"])
        secrets = tuple(map(bytes.fromhex, header["secrets"]))
        loop_key = bytes.fromhex(header["loop_key"])
        local = _load_table(header["local"], sections)
        return Snapshot(header["generation"], header["created"], configuration, lists, secrets, loop_key, local)
    except (KeyError, TypeError, ValueError) as error:  # a header that some other version wrote
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else repr(error)
        raise SnapshotError(f"{directory / FILE_NAME}: {reason}") from None


def _dump_list(compiled: CompiledList, sections: list[bytes]) -> dict[str, Any]:
    return {
        "name": compiled.name,
        "app": compiled.app,
        "title": compiled.title,
        "role": compiled.role,
        "grade": compiled.grade,
        "entries": compiled.entries,
        "changed": compiled.changed,
        "rules": [
            [rule.app, rule.match, rule.text, rule.role, rule.grade, rule.answer, rule.passthru, rule.data]
            for rule in compiled.rules
        ],
        "blocked": _dump_index(compiled.blocked, sections),
        "passed": _dump_index(compiled.passed, sections),
    }


def _dump_index(names: NameIndex | None, sections: list[bytes]) -> list[int] | None:
    if names is None:
        return None
    assert isinstance(names, marisa_trie.Trie)
    return _dump_octets(names.tobytes(), sections)


def _dump_table(table: LocalTable, sections: list[bytes]) -> list[list[int]]:
    return [_dump_octets(octets, sections) for octets in table.sections]


def _dump_octets(octets: bytes, sections: list[bytes]) -> list[int]:
    offset = sum(map(len, sections))
    sections.append(octets)
    return [offset, len(octets)]


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
        fields["title"],
    )


def _load_rule(blocklist: str, values: list[Any]) -> Rule:
    app, match, text, role, grade, answer, passthru, data = values
    answer = answer and DnsAction(answer)
    return Rule(blocklist, app, Match(match), text, Role(role), Grade(grade), answer, passthru, tuple(data))


def _load_index(place: list[int] | None, sections: memoryview) -> NameIndex | None:
    if place is None:
        return None
    # map() would borrow the buffer without keeping it alive.
    names: NameIndex = marisa_trie.Trie().frombytes(_load_octets(place, sections))
    return names


def _load_table(places: list[list[int]], sections: memoryview) -> LocalTable:
    return LocalTable.from_sections(*(_load_octets(place, sections) for place in places))


def _load_octets(place: list[int], sections: memoryview) -> bytes:
    return bytes(sections[place[0] : place[0] + place[1]])
