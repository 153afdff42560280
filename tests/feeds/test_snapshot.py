"""The snapshot: what was published is what is read, a damaged one is refused, and nothing of it dies early."""

import gc
from collections.abc import Callable
from pathlib import Path

import marisa_trie
import pytest

from dnsfilter.config import Configuration
from dnsfilter.errors import SnapshotError
from dnsfilter.feeds.snapshot import FILE_NAME, Snapshot, publish_snapshot, read_snapshot
from dnsfilter.model import CompiledList, DnsAction, Grade, Match, Role, Rule

RULES = (
    Rule("tiktok", "tiktok", Match.SUFFIX, "tiktok.com", Role.WEB, Grade.WEAK),
    Rule("tiktok", "tiktok", Match.EXACT, "mask.icloud.com", Role.CANARY, Grade.NONE, DnsAction.NXDOMAIN),
    Rule("tiktok", "tiktok", Match.SUFFIX, "press.tiktok.com", Role.WEB, Grade.NONE, passthru=True),
    Rule("tiktok", "tiktok", Match.CLIENT, "::1/128", Role.WEB, Grade.NONE, DnsAction.SINKHOLE, data=('5 TXT "a"',)),
)
MANY = 200_000


def reverse(number: int) -> str:
    """Return the key of the numbered name."""
    return f"{number}.example."[::-1].removeprefix(".") + "."


def make_list(names: int = 2, rules: tuple[Rule, ...] = RULES) -> CompiledList:
    """Return a list with rules and a large index."""
    blocked = marisa_trie.Trie(reverse(number) for number in range(names))
    return CompiledList(
        "tiktok", "tiktok", Role.WEB, Grade.WEAK, names + len(rules), rules, blocked, None, 1.5, "TikTok"
    )


def test_reads_what_was_published(tmp_path: Path) -> None:
    """Generation, time, configuration, rules and names come back as they were."""
    configuration = Configuration.model_validate({"workers": 2, "records": ["a.example. 300 A 192.0.2.1"]})
    publish_snapshot(Snapshot(7, 12.5, configuration, (make_list(),)), tmp_path)
    fresh = read_snapshot(tmp_path)
    assert (fresh.generation, fresh.created, fresh.configuration) == (7, 12.5, configuration)
    assert fresh.lists[0].rules == RULES
    assert fresh.lists[0].blocked is not None
    assert reverse(0) in fresh.lists[0].blocked
    assert fresh.lists[0].passed is None
    assert (fresh.lists[0].changed, fresh.lists[0].title) == (1.5, "TikTok")


def test_large_index_outlives_the_file(tmp_path: Path) -> None:
    """A big index still answers after the buffer it was read from is gone and the file replaced."""
    publish_snapshot(Snapshot(1, 0.0, Configuration(), (make_list(MANY),)), tmp_path)
    names = read_snapshot(tmp_path).lists[0].blocked
    size = (tmp_path / FILE_NAME).stat().st_size
    (tmp_path / FILE_NAME).write_bytes(b"")
    gc.collect()
    reused = [b"\xff" * size for _ in range(8)]
    assert names is not None
    for number in (0, MANY // 2, MANY - 1):
        key = reverse(number)
        assert names.prefixes(key + "www.") == [key]
    del reused


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:0],
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: b"other!!\n" + data[8:],
        lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
    ],
    ids=["empty", "header cut", "cut", "other program", "one bit"],
)
def test_refuses_a_damaged_file(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A file that is not what was published is refused, whatever became of it."""
    publish_snapshot(Snapshot(1, 0.0, Configuration(), (make_list(),)), tmp_path)
    path = tmp_path / FILE_NAME
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SnapshotError):
        read_snapshot(tmp_path)


def test_says_that_there_is_none(tmp_path: Path) -> None:
    """Without a file there is one clear error, and publishing into nowhere is one too."""
    with pytest.raises(SnapshotError, match="cannot be read"):
        read_snapshot(tmp_path)
    with pytest.raises(SnapshotError, match="cannot be published"):
        publish_snapshot(Snapshot(1, 0.0, Configuration(), ()), tmp_path / "absent")


def test_leaves_no_temporary_file(tmp_path: Path) -> None:
    """Publishing leaves the snapshot and nothing else."""
    for generation in (1, 2):
        publish_snapshot(Snapshot(generation, 0.0, Configuration(), ()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
