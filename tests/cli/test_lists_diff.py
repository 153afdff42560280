"""`dnsfilter lists diff`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnsfilter.cli.lists_diff import diff
from dnsfilter.errors import InputError


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Write two lists of different syntax."""
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("a.example\nb.example\n")
    new.write_text("||a.example^\n||x.a.example^\n|c.example|\n")
    return str(old), str(new)


def test_tells_what_changes(files: tuple[str, str]) -> None:
    """Counts, then one line a change; status 1 says that there is one."""
    done = CliRunner().invoke(diff, files)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == ["1 newly blocked, 1 freed", "- b.example", "+ c.example (only itself)"]
    found = [json.loads(line) for line in CliRunner().invoke(diff, [*files, "--json"]).stdout.splitlines()]
    assert found == [
        {"change": "freed", "covers": "suffix", "text": "b.example"},
        {"change": "blocked", "covers": "exact", "text": "c.example"},
    ]


def test_no_change(files: tuple[str, str]) -> None:
    """A list compared with itself ends with status 0."""
    done = CliRunner().invoke(diff, [files[0], files[0]])
    assert (done.exit_code, done.stdout) == (0, "0 newly blocked, 0 freed\n")


def test_a_list_that_cannot_be_used(files: tuple[str, str]) -> None:
    """What is no list is refused with its place."""
    Path(files[1]).write_text("<html>")
    done = CliRunner().invoke(diff, files)
    assert isinstance(done.exception, InputError)
    assert "new.txt:1" in str(done.exception)
