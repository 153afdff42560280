"""A file that was replaced, rewritten, removed or made is noticed, once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsfilter.feeds.watch import MAX_UNSETTLED, Watch, Watches


def replace(path: Path) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(path.read_bytes())
    os.utime(fresh, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    fresh.replace(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text("longer than before"),
        lambda path: os.utime(path, (1, 1)),
        lambda path: path.unlink(),
        replace,
    ],
    ids=["rewritten", "touched", "removed", "replaced by its equal"],
)
def test_notices_once(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """What happens to a file is noticed at the next look and not again after."""
    path = tmp_path / "file"
    path.write_text("before")
    watch = Watch(path)
    assert not watch.changed()
    change(path)
    assert watch.changed()
    assert not watch.changed()


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    """A file that appears, and one that comes back, are changes."""
    path = tmp_path / "file"
    watch = Watch(path)
    for _ in range(2):
        assert not watch.changed()
        path.touch()
        assert watch.changed()
        path.unlink()
        assert watch.changed()


def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    """Below something that is no directory there is no file, and no error."""
    (tmp_path / "file").touch()
    assert not Watch(tmp_path / "file" / "below").changed()


def test_an_empty_file_does_not_change(tmp_path: Path) -> None:
    """A file without content is the same at any time; those of the kernel look like that at every look."""
    path = tmp_path / "file"
    path.touch()
    watch = Watch(path)
    os.utime(path, (1, 1))
    assert not watch.changed()
    path.write_text("content")
    assert watch.changed()


@pytest.fixture
def watched(tmp_path: Path) -> tuple[Path, Path, Watches]:
    """Return two files, old ones, and who watches them."""
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.write_text("before")
        os.utime(path, (1, 1))
    return one, other, Watches([one, other], since=2.0)


def test_tells_once_it_is_settled(watched: tuple[Path, Path, Watches]) -> None:
    """While somebody writes nothing is told; then all that has changed is told together, and only once."""
    one, other, watches = watched
    assert watches.take_changed() == set()
    one.write_text("half")
    assert watches.take_changed() == set()
    other.write_text("half of the other")
    assert watches.take_changed() == set()
    assert watches.take_changed() == {one, other}
    assert watches.take_changed() == set()


def test_a_file_that_never_settles(watched: tuple[Path, Path, Watches]) -> None:
    """A file that is written all the time is taken as it is after some looks."""
    one, _, watches = watched
    told = []
    for size in range(2 * MAX_UNSETTLED):
        one.write_text("x" * (10 + size))
        told += watches.take_changed()
    assert told == [one, one]


def test_what_changed_before_anybody_watched(tmp_path: Path) -> None:
    """A file written since its content was last read is told at the first look, even if it is watched only now."""
    path = tmp_path / "late"
    path.write_text("late")
    os.utime(path, (10, 10))
    assert Watches([path], since=9.0).take_changed() == {path}
    assert Watches([path], since=10.0).take_changed() == set()


def test_adopting_and_skipping(watched: tuple[Path, Path, Watches], tmp_path: Path) -> None:
    """Files that stay keep what they were known as, new ones are known as they are, and what is skipped is not told."""
    one, other, watches = watched
    one.write_text("changed")
    third = tmp_path / "third"
    watches.adopt([one, third])
    other.write_text("watched no more")
    third.write_text("made")
    watches.take_changed()
    assert watches.take_changed() == {one, third}
    third.unlink()
    watches.skip()
    assert watches.take_changed() == set()


def test_who_knows_need_not_look_again(watched: tuple[Path, Path, Watches]) -> None:
    """A finished file is settled at once; one that is being written keeps all changes back."""
    one, other, watches = watched
    one.write_text("finished")
    assert watches.take_changed(finished={one}) == {one}
    one.write_text("finished too")
    other.write_text("not yet")
    assert watches.take_changed(finished={one}, writing={other}) == set()
    assert watches.take_changed(writing={other}) == set()
    assert watches.take_changed(finished={other}) == {one, other}
