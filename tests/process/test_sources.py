"""Waiting until configuration or lists have changed."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsfilter.process import sources as module
from dnsfilter.process.sources import Sources


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Write two lists."""
    found = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for path in found:
        path.write_text("a.example\n")
    return found


def wait_with(paths: list[Path], act: Callable[[], object], seconds: float = 10.0) -> set[Path]:
    """Return what is told after something was done; nothing where it takes too long."""

    async def run() -> set[Path]:
        sources = Sources(paths, time.time() + 1)
        try:
            waiting = asyncio.create_task(sources.wait())
            await asyncio.sleep(0.01)
            await asyncio.to_thread(act)
            return await asyncio.wait_for(waiting, seconds)
        except TimeoutError:
            return set()
        finally:
            sources.close()

    return asyncio.run(run())


@pytest.mark.parametrize("has_inotify", [True, False])
def test_tells_what_was_written(paths: list[Path], monkeypatch: pytest.MonkeyPatch, *, has_inotify: bool) -> None:
    """A finished file is told, whether the kernel says so or it is looked for."""
    if not has_inotify:
        monkeypatch.setattr(module, "_open", lambda: None)
    assert wait_with(paths, lambda: paths[1].write_text("b.example\n")) == {paths[1]}


def test_the_kernel_says_it_at_once(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no second look."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600.0)
    assert wait_with(paths, lambda: paths[0].write_text("b.example\n")) == {paths[0]}


def test_half_a_file_is_not_told(paths: list[Path]) -> None:
    """While somebody writes, nothing is told, however slowly he does; once he has closed it, it is."""
    with paths[0].open("w") as file:
        file.write("b.example\n")

        def go_on() -> None:
            file.write("c.example\n")
            file.flush()
            time.sleep(module.LOOK_SECONDS * 4)

        assert wait_with(paths, go_on, 0.1) == set()
    assert wait_with(paths, lambda: paths[0].write_text("whole.example\n")) == {paths[0]}


def test_who_never_closes(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is never closed is read after a while."""
    monkeypatch.setattr(module, "MAX_WRITING_SECONDS", 0.3)
    with paths[0].open("w") as file:

        def begin() -> None:
            file.write("b.example\n")
            file.flush()

        assert wait_with(paths, begin) == {paths[0]}


def test_behind_a_link(tmp_path: Path) -> None:
    """What a link leads to is found by looking: the kernel says nothing of it."""
    versions = [tmp_path / "versions" / name for name in ("old", "new")]
    for version in versions:
        version.mkdir(parents=True)
        (version / "list.txt").write_text(f"{version.name}.example\n")
    link, path = tmp_path / "current", tmp_path / "list.txt"
    link.symlink_to(versions[0])
    path.symlink_to(link / "list.txt")

    def switch() -> None:
        (tmp_path / "fresh").symlink_to(versions[1])
        (tmp_path / "fresh").replace(link)

    assert wait_with([path], switch) == {path}


def test_other_paths(paths: list[Path], tmp_path: Path) -> None:
    """Files are taken up and left; a skipped change is none."""

    async def run() -> set[Path]:
        sources = Sources(paths, time.time() + 1)
        other = tmp_path / "elsewhere" / "three.txt"
        other.parent.mkdir()
        sources.adopt([paths[0], other])
        paths[0].write_text("skipped.example\n")
        sources.skip()
        paths[1].write_text("left.example\n")
        other.write_text("new.example\n")
        told = await asyncio.wait_for(sources.wait(), 10)
        sources.close()
        return told

    assert asyncio.run(run()) == {tmp_path / "elsewhere" / "three.txt"}
