"""What a list says -> the form that is matched and published: rules, and tries over reversed names."""

from collections.abc import Iterable

import marisa_trie

from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.model import CompiledList, NameIndex
from dnsfilter.settings.order import Blocklist

_EXACT_MARK = "="
_BELOW_MARK = "*"


def compile_list(blocklist: Blocklist, parsed: ParsedList, changed: float) -> CompiledList:
    """Compile a parsed list; `changed` is when its source last changed, in seconds since the epoch."""
    blocked, blocked_count = _build_index(parsed.suffixes, parsed.exacts, parsed.below)
    passed, passed_count = _build_index(parsed.passed_suffixes, parsed.passed_exacts, parsed.passed_below)
    return CompiledList(
        name=blocklist.name,
        app=parsed.app or blocklist.app or blocklist.name,
        role=blocklist.role,
        grade=blocklist.grade,
        entries=len(parsed.rules) + blocked_count + passed_count,
        rules=parsed.rules,
        blocked=blocked,
        passed=passed,
        changed=changed,
        title=parsed.title,
    )


def find_titles(lists: Iterable[CompiledList]) -> dict[str, str]:
    """Return what people call the apps that lists are about, by app, where a list says so."""
    return {compiled.app: compiled.title for compiled in lists if compiled.title}


def _build_index(suffixes: list[str], exacts: list[str], below: list[str]) -> tuple[NameIndex | None, int]:
    """Return the index and how many different names it holds; a name that is exact and below is a suffix."""
    below_only = set(below).difference(exacts, suffixes)
    both = set(below).intersection(exacts)
    keys = _to_keys(suffixes) + _to_keys(both) + _to_keys(below_only)
    keys += _to_keys((name for name in exacts if name not in both) if both else exacts, _EXACT_MARK)
    if not keys:
        return None, 0
    index = marisa_trie.Trie(keys + _to_keys(below_only, _BELOW_MARK))
    return index, len(index) - len(below_only)


def _to_keys(names: Iterable[str], mark: str = "") -> list[str]:
    ending = "." + mark
    return [name[::-1] + ending for name in names]
