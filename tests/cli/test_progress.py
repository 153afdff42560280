"""What a terminal shows of long work."""

import io
import threading
import time

import pytest

from dnsfilter.cli import progress as module
from dnsfilter.cli.progress import Progress, showing
from tests.processes import wait_until


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True

    def screen(self) -> str:
        """Return what stands on the line after everything that was written."""
        return self.getvalue().rpartition("\033[K")[2]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.01)
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0.01)


def test_a_terminal_sees_each_step() -> None:
    """The line follows the work and is gone in the end."""
    terminal = Terminal()
    with showing("reading old.txt", terminal) as progress:
        wait_until(lambda: terminal.screen() == "reading old.txt, 0 s", "the first step")
        progress.begin("comparing")
        wait_until(lambda: terminal.screen().startswith("comparing, "), "the second step")
        for number in progress.count(range(4), "names", 4):
            wait_until(lambda number=number: f"{number} of 4 names ({number * 25}%)" in terminal.screen(), "counted")
    assert terminal.screen() == ""
    assert "\n" not in terminal.getvalue()


def test_nobody_watches() -> None:
    """Where standard error is no terminal nothing is written, and no thread runs."""
    stream = io.StringIO()
    with showing("reading", stream) as progress:
        assert not [thread for thread in threading.enumerate() if thread.name == module.THREAD]
        assert list(progress.count("abc", "letters")) == ["a", "b", "c"]
    assert stream.getvalue() == ""


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done before anybody could wonder leaves no trace."""
    monkeypatch.setattr(module, "SILENT_SECONDS", 60.0)
    terminal = Terminal()
    with showing("reading", terminal):
        pass
    assert terminal.getvalue() == ""


def test_an_error_clears_the_line() -> None:
    """An error is not written behind what was shown."""
    terminal = Terminal()

    def fail() -> None:
        with showing("reading", terminal):
            wait_until(terminal.screen, "shown")
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        fail()
    assert terminal.screen() == ""


def test_what_is_said() -> None:
    """Counts come with how many there will be where that is known, and the time with both."""
    progress = Progress()
    progress.begin("reading")
    now = time.monotonic()
    assert progress.describe(now + 3) == "reading, 3 s"
    list(progress.count(range(12_345), "lookups"))
    assert progress.describe(now + 3) == "reading, 12,345 lookups, 3 s"


def test_control_characters() -> None:
    """The name of a file cannot move the cursor."""
    progress = Progress()
    progress.begin("reading \033[2Jx")
    assert progress.describe(time.monotonic()) == "reading \\x1b[2Jx, 0 s"
