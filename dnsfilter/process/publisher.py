"""Compiles configuration and lists into the snapshot, in a process of its own: what it needs it gives back by ending.

`python -m dnsfilter.process.publisher [CONFIGURATION_FILE]` ends with 0 when a new generation is in force, with 2 when
something is wrong: then every problem is one line on standard error and the last generation stays.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.config import Blocklist, Configuration
from dnsfilter.errors import DnsfilterError, InputError, Problem, SnapshotError
from dnsfilter.feeds.clients import refresh_clients
from dnsfilter.feeds.configuration import find_configuration, load_configuration, locate
from dnsfilter.feeds.snapshot import Snapshot, publish_snapshot, read_snapshot
from dnsfilter.feeds.sources import read_list
from dnsfilter.model import CANARIES, NEVER_BLOCK, CompiledList, Role
from dnsfilter.wire.zone import parse_record

_SHIPPED = {CANARIES: "bypass.yaml", NEVER_BLOCK: "never-block.yaml"}


def compile_all(path: Path | None) -> tuple[Configuration, list[CompiledList], list[Problem]]:
    """Load configuration and lists; InputError lists all that refuses them, the problems returned do not."""
    found = find_configuration(path)
    configuration = load_configuration(found)
    beside = (found or Path()).absolute().parent
    lists: list[CompiledList] = []
    problems: list[Problem] = []
    refused: list[Problem] = []
    for key, blocklist in _blocklists(configuration):
        try:
            compiled, found_problems = _compile(blocklist, beside)
            lists.append(compiled)
            problems += found_problems
        except InputError as error:
            refused += [problem if problem.line else _at_key(problem, found, key) for problem in error.problems]
    if configuration.inventory and not Path(configuration.inventory).is_file():
        refused.append(Problem("cannot be read: no such file", configuration.inventory, key="inventory"))
    for index, line in enumerate(configuration.records):
        try:
            parse_record(line)
        except ValueError as error:
            refused.append(Problem(str(error), str(found), key=f"records[{index}]"))
    if refused:
        raise InputError(locate(refused, found))
    return configuration, lists, problems


def _at_key(problem: Problem, configuration_file: Path | None, key: str) -> Problem:
    """Blame the key of the configuration that names a list for what is wrong with all of it."""
    return Problem(f"{problem.file}: {problem.message}", str(configuration_file or ""), key=key)


def _blocklists(configuration: Configuration) -> Iterator[tuple[str, Blocklist]]:
    """Yield every list in force with the key of the configuration that asks for it."""
    yield "", Blocklist(name=NEVER_BLOCK, file=_SHIPPED[NEVER_BLOCK])
    if configuration.canaries:
        yield "canaries", Blocklist(name=CANARIES, file=_SHIPPED[CANARIES])
    for index, blocklist in enumerate(configuration.blocklists):
        yield f"blocklists[{index}].{'file' if blocklist.file else 'url'}", blocklist


def _compile(blocklist: Blocklist, beside: Path) -> tuple[CompiledList, Sequence[Problem]]:
    text, shown, changed = read_list(blocklist, beside)
    parsed = parse_list(text, shown, blocklist)
    compiled = compile_list(blocklist, parsed, changed)
    if blocklist.name == NEVER_BLOCK:
        compiled = replace(compiled, rules=tuple(replace(rule, passthru=True) for rule in compiled.rules))
    elif blocklist.name == CANARIES:
        canaries = tuple(rule for rule in compiled.rules if rule.role is Role.CANARY)
        compiled = replace(compiled, rules=canaries, entries=len(canaries))
    return compiled, parsed.problems


def publish(path: Path | None) -> tuple[Snapshot, list[Problem]]:
    """Compile everything and put it in force as the next generation."""
    configuration, lists, problems = compile_all(path)
    state = Path(configuration.state)
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError([Problem(f"cannot be created: {error.strerror}", str(state), key="state")]) from None
    snapshot = Snapshot(_last_generation(state) + 1, time.time(), configuration, tuple(lists))
    publish_snapshot(snapshot, state)
    return snapshot, [*problems, *refresh_clients(configuration, state, snapshot.created)]


def _last_generation(state: Path) -> int:
    try:
        return read_snapshot(state).generation
    except SnapshotError:
        return 0


def main() -> int:
    """Publish; return the exit status."""
    try:
        _, problems = publish(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    except DnsfilterError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the caller reads it
        return 2
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)  # noqa: T201 - the caller reads it
    return 0


if __name__ == "__main__":
    sys.exit(main())
