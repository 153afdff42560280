"""Compiles configuration and lists into the snapshot, in a process of its own: what it needs it gives back by ending.

`python -m dnsfilter.process.publisher [CONFIGURATION_FILE]` ends with 0 when a new generation is in force, with 2 when
something is wrong: then every problem is one line on standard error, every list that is refused one line on standard
output with its name, a tab and why, and the last generation stays.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.config import Configuration
from dnsfilter.errors import DnsfilterError, InputError, Problem, SnapshotError, StoreError
from dnsfilter.feeds.clients import refresh_clients
from dnsfilter.feeds.configuration import find_configuration, find_directory, load_configuration, locate
from dnsfilter.feeds.secrets import provide_secrets, read_secrets
from dnsfilter.feeds.snapshot import Snapshot, publish_snapshot, read_snapshot
from dnsfilter.feeds.sources import COPIES, copy_path, find_places, read_list, read_text
from dnsfilter.feeds.state import prepare_state
from dnsfilter.hosts import parse_hosts
from dnsfilter.localdata import compile_local, find_reverse
from dnsfilter.model import CANARIES, NEVER_BLOCK, SPECIAL_USE, CompiledList, Role
from dnsfilter.settings.order import Blocklist
from dnsfilter.store.drivers import check_driver
from dnsfilter.wire.zone import parse_record

NICENESS = 10
"""Who answers queries goes first on a processor that both want, when this takes long."""

LONG = 1.0
"""Seconds of processor time: what takes less takes effect at once on a busy machine, too."""

_SHIPPED = {CANARIES: "bypass.yaml", NEVER_BLOCK: "never-block.yaml", SPECIAL_USE: "special-use.yaml"}


def compile_all(path: Path | None) -> tuple[Configuration, list[CompiledList], list[Problem]]:
    """Load configuration and lists; InputError lists all that refuses them, the problems returned do not.

    A subscription without a copy yet is an empty list: `find_missing` tells.
    """
    found = find_configuration(path)
    configuration = load_configuration(found)
    beside, copies = find_directory(found), Path(configuration.state) / COPIES
    lists: list[CompiledList] = []
    problems: list[Problem] = []
    refused: list[Problem] = []
    for key, blocklist in _blocklists(configuration):
        try:
            compiled, found_problems = _compile(blocklist, beside, copies)
            lists.append(compiled)
            problems += found_problems
        except InputError as error:
            refused += [_of_list(blocklist, problem, found, key) for problem in error.problems]
        except PermissionError as error:  # not even the directory may be looked into
            refused.append(_of_list(blocklist, _unreadable(error, str(error.filename)), found, key))
    try:
        read_secrets(configuration.cookies.secrets)
    except InputError as error:
        refused += [_at_key(problem, found, problem.key) for problem in error.problems]
    if configuration.inventory:
        try:
            Path(configuration.inventory).open("rb").close()
        except OSError as error:
            refused.append(replace(_unreadable(error, configuration.inventory), key="inventory"))
    records, wrong = _read_records(configuration, found)
    refused += [*wrong, *_find_store_problems(configuration, found)]
    if refused:
        raise InputError(locate(refused, found))
    return configuration.model_copy(update={"records": records}), lists, problems


def _find_store_problems(configuration: Configuration, found: Path | None) -> list[Problem]:
    try:
        check_driver(configuration.store.url)
    except StoreError as error:
        return [Problem(str(error), str(found or ""), key="store.url")]
    return []


def _read_records(configuration: Configuration, found: Path | None) -> tuple[tuple[str, ...], list[Problem]]:
    """Return all local data, that of the hosts files and the way back from addresses to names included."""
    problems: list[Problem] = []
    for index, line in enumerate(configuration.records):
        try:
            parse_record(line)
        except ValueError as error:
            problems.append(Problem(str(error), str(found), key=f"records[{index}]"))
    records = list(configuration.records)
    for index, file in enumerate(configuration.hosts):
        try:
            records += parse_hosts(read_text(Path(file))[0], file)
        except InputError as error:
            problems += [
                problem if problem.line else _at_key(problem, found, f"hosts[{index}]") for problem in error.problems
            ]
    return (*records, *(() if problems else find_reverse(records))), problems


def find_missing(configuration: Configuration, path: Path | None) -> list[Problem]:
    """Name the subscriptions that have not been downloaded yet."""
    copies = Path(configuration.state) / COPIES
    return locate(
        (
            Problem(f"{blocklist.name} has not been downloaded yet and is empty until then", str(path or ""), key=key)
            for key, blocklist in _blocklists(configuration)
            if _is_missing(blocklist, copies)
        ),
        path,
    )


def find_sources(configuration: Configuration, path: Path | None) -> list[Path]:
    """Return the files that the configuration file (none: the embedded default) and the lists are read from."""
    beside, copies = find_directory(path), Path(configuration.state) / COPIES
    files = [path.absolute()] if path else []
    for _, blocklist in _blocklists(configuration):
        files += find_places(blocklist.file, beside) if blocklist.file else [copy_path(blocklist, copies)]
    return [*files, *map(Path, (*configuration.hosts, *configuration.cookies.secrets))]


def _is_missing(blocklist: Blocklist, copies: Path) -> bool:
    return blocklist.url is not None and not copy_path(blocklist, copies).exists()


def _unreadable(error: OSError, file: str) -> Problem:
    reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
    return Problem(f"cannot be read: {reason}", file)


def _of_list(blocklist: Blocklist, problem: Problem, configuration_file: Path | None, key: str) -> Problem:
    """Say which list cannot be used because of a problem; `key` is what asks for the list."""
    placed = problem if problem.line else _at_key(problem, configuration_file, key)
    return replace(placed, blocklist=blocklist.name)


def _at_key(problem: Problem, configuration_file: Path | None, key: str) -> Problem:
    """Blame the key of the configuration that names a list for what is wrong with all of it."""
    return Problem(f"{problem.file}: {problem.message}", str(configuration_file or ""), key=key)


def _blocklists(configuration: Configuration) -> Iterator[tuple[str, Blocklist]]:
    """Yield every list in force with the key of the configuration that asks for it."""
    yield "", Blocklist(name=NEVER_BLOCK, file=_SHIPPED[NEVER_BLOCK])
    yield "", Blocklist(name=SPECIAL_USE, file=_SHIPPED[SPECIAL_USE])
    if configuration.canaries:
        yield "canaries", Blocklist(name=CANARIES, file=_SHIPPED[CANARIES])
    for blocklist in configuration.implied_blocklists:
        yield "policies", blocklist
    for index, blocklist in enumerate(configuration.blocklists):
        yield f"blocklists[{index}].{'file' if blocklist.file else 'url'}", blocklist


def _compile(blocklist: Blocklist, beside: Path, copies: Path) -> tuple[CompiledList, Sequence[Problem]]:
    if _is_missing(blocklist, copies):
        return compile_list(blocklist, ParsedList(), 0.0), ()
    text, shown, changed = read_list(blocklist, beside, copies)
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
    problems += find_missing(configuration, find_configuration(path))
    state = Path(configuration.state)
    prepare_state(state)
    secrets = provide_secrets(configuration)
    records, local = compile_local(configuration.records)
    kept = configuration.model_copy(update={"records": records})
    snapshot = Snapshot(_last_generation(state) + 1, time.time(), kept, tuple(lists), secrets, local=local)
    publish_snapshot(snapshot, state)
    return snapshot, [*problems, *refresh_clients(configuration, state, snapshot.created)]


def _last_generation(state: Path) -> int:
    try:
        return read_snapshot(state).generation
    except SnapshotError:
        return 0


def tell_refused(problems: Iterable[Problem]) -> dict[str, str]:
    """Return for each list that is refused the first reason, and how many more there are."""
    by_list: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.blocklist:
            by_list.setdefault(problem.blocklist, []).append(problem)
    return {
        name: f"{first}{f' (and {len(others)} more)' if others else ''}" for name, (first, *others) in by_list.items()
    }


def main() -> int:
    """Publish; return the exit status."""
    signal.signal(signal.SIGPROF, lambda *_: os.nice(NICENESS))
    signal.setitimer(signal.ITIMER_PROF, LONG)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # of a terminal it goes to all processes: whoever started us reports
    try:
        _, problems = publish(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    except DnsfilterError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the caller reads it
        for name, reason in tell_refused(error.problems if isinstance(error, InputError) else ()).items():
            print(name, reason, sep="\t")  # noqa: T201
        return 2
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)  # noqa: T201 - the caller reads it
    return 0


if __name__ == "__main__":
    sys.exit(main())
