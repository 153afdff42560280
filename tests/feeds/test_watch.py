"""A file that was replaced, rewritten, removed or made is noticed, once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsfilter.feeds.watch import Watch


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
