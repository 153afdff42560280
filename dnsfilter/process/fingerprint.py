"""What is in force, as digests: tells what changed between two snapshots, and whether two nodes decide alike.

A digest says nothing of what it is made of, so that it may stand in a metric or in the audit.
"""

import hashlib
import json
from collections.abc import Sequence

import marisa_trie

from dnsfilter.config import Configuration
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.localtable import NO_TABLE, LocalTable
from dnsfilter.model import CompiledList, NameIndex

DIGITS = 16
_EXACT_DIGITS = 12
"""Hexadecimal digits of which a metric's value, a double, can hold every number."""

DECIDING = ("policies", "allow", "groups", "canaries", "timezone")
"""The keys by which two nodes decide differently; others may differ from one to the other."""


def digest_keys(configuration: Configuration, local: LocalTable = NO_TABLE) -> dict[str, str]:
    """Return a digest of each key of a configuration that differs from its default; `local` are records of it, too."""
    values = configuration.model_dump(mode="json", exclude_defaults=True)
    digests = {key: _digest(json.dumps(value, sort_keys=True).encode()) for key, value in sorted(values.items())}
    if local:
        digests["records"] = _digest(digests.get("records", "").encode(), *local.sections)
    return digests


def digest_lists(lists: Sequence[CompiledList]) -> dict[str, str]:
    """Return a digest of what each list says."""
    return {compiled.name: _digest_list(compiled) for compiled in lists}


def digest_exceptions(configuration: Configuration) -> dict[str, str]:
    """Return a digest of each exception, by its name and groups."""
    return {
        " ".join((allow.name, *allow.groups)): _digest(allow.model_dump_json().encode())
        for allow in configuration.allow
    }


def find_fingerprint(snapshot: Snapshot) -> int:
    """Return a number that two nodes share where they decide alike."""
    keys = digest_keys(snapshot.configuration)
    deciding = {key: keys[key] for key in DECIDING if key in keys}
    return int(_digest(json.dumps([deciding, digest_lists(snapshot.lists)]).encode())[:_EXACT_DIGITS], 16)


def _digest_list(compiled: CompiledList) -> str:
    rules = json.dumps([compiled.app, compiled.role, compiled.grade, list(map(repr, compiled.rules))])
    return _digest(rules.encode(), *map(_to_octets, (compiled.blocked, compiled.passed)))


def _to_octets(names: NameIndex | None) -> bytes:
    if names is None:
        return b""
    assert isinstance(names, marisa_trie.Trie)
    return bytes(names.tobytes())


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:DIGITS]
