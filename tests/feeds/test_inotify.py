"""What the kernel says of files: who writes one, and that he has finished."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsfilter.feeds.inotify import Inotify


@pytest.fixture
def inotify(tmp_path: Path) -> Iterator[Inotify]:
    """Listen to a directory."""
    made = Inotify()
    made.adopt([tmp_path])
    yield made
    made.close()


def test_writing_and_finished(inotify: Inotify, tmp_path: Path) -> None:
    """A file is being written until whoever writes it closes it."""
    path = tmp_path / "list.txt"
    with path.open("w") as file:
        for _ in range(2):
            file.write("a.example\n")
            file.flush()
            assert list(inotify.read()) == [(path, False)]
    assert list(inotify.read()) == [(path, True)]
    assert list(inotify.read()) == []


def test_a_renamed_file_is_finished(inotify: Inotify, tmp_path: Path) -> None:
    """Who writes elsewhere and renames is seen, with a name of any octets; one that goes away says nothing."""
    other, path = tmp_path / "other", tmp_path / os.fsdecode(b"l\xffst with blanks")
    other.mkdir()
    (other / "new").write_text("a.example\n")
    (other / "new").replace(path)
    assert list(inotify.read()) == [(path, True)]
    path.replace(other / "away")
    assert list(inotify.read()) == []


def test_other_directories(inotify: Inotify, tmp_path: Path) -> None:
    """Directories come and go; what is none is left out, and one that is removed ends nothing."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    (tmp_path / "file").touch()
    list(inotify.read())
    inotify.adopt([one, tmp_path / "absent", tmp_path / "file"])
    (tmp_path / "unheard").touch()
    (one / "heard").touch()
    assert list(inotify.read()) == [(one / "heard", True)]
    (one / "heard").unlink()
    one.rmdir()
    assert list(inotify.read()) == []
    inotify.adopt([other])
    (other / "heard").touch()
    assert list(inotify.read()) == [(other / "heard", True)]


def test_many_events(inotify: Inotify, tmp_path: Path) -> None:
    """More than is read at once is told in order."""
    paths = [tmp_path / f"{number:04}-{'x' * 80}" for number in range(1500)]
    for path in paths:
        path.touch()
    assert list(inotify.read()) == [(path, True) for path in paths]


def test_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has none to give, that is an OSError with its reason."""
    monkeypatch.setattr("dnsfilter.feeds.inotify.os.O_NONBLOCK", 1 << 30)
    with pytest.raises(OSError, match="inotify"):
        Inotify()
