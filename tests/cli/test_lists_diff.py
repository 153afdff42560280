"""`dnsfilter lists diff`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnsfilter.cli.lists_diff import diff
from dnsfilter.errors import InputError
from dnsfilter.sample import TOTAL
from dnsfilter.store.database import open_store
from dnsfilter.store.sample import record_names

SAMPLE = ",1000\nwww.b.example,20\nc.example,100\nx.c.example,400\na.example,200\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Write two lists of different syntax, where no configuration is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
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


def test_what_a_sample_says(files: tuple[str, str], tmp_path: Path) -> None:
    """Of the sampled names those count whose fate changes: with their shares, and in JSON behind the changes."""
    sample = tmp_path / "sample.csv"
    sample.write_text(SAMPLE)
    done = CliRunner().invoke(diff, [*files, "--sample", str(sample)])
    assert done.stdout.splitlines() == [
        "1 newly blocked, 1 freed",
        "of 1,000 sampled queries (72.00% of them for names in the sample):",
        "  newly blocked 10.00% (100 queries, 1 names)",
        "    + 10.00% c.example",
        "  freed 2.00% (20 queries, 1 names)",
        "    - 2.00% www.b.example",
        "- b.example",
        "+ c.example (only itself)",
    ]
    lines = CliRunner().invoke(diff, [*files, "--json", "--sample", str(sample)]).stdout.splitlines()
    assert [json.loads(line) for line in lines[2:]] == [
        {"touched": "blocked", "name": "c.example", "queries": 100, "share": 0.1},
        {"touched": "freed", "name": "www.b.example", "queries": 20, "share": 0.02},
        {"sample": {"queries": 1000, "named": 720, "days": 0, "blocked": 100, "freed": 20}},
    ]


def test_many_touched_names(files: tuple[str, str], tmp_path: Path) -> None:
    """A person sees the names asked for most, and how many more there are."""
    sample = tmp_path / "sample.csv"
    sample.write_text("".join(f"{number}.b.example,{number}\n" for number in range(1, 31)))
    lines = CliRunner().invoke(diff, [*files, "--sample", str(sample)]).stdout.splitlines()
    assert "    - 6.45% 30.b.example" in lines
    assert "    and 20 more names" in lines
    assert not [line for line in lines if "20.b.example" in line]


def test_the_sample_of_the_store(files: tuple[str, str], tmp_path: Path) -> None:
    """Without a file it is the sample that the store of the configuration keeps."""
    configuration = tmp_path / "own.yaml"
    configuration.write_text(f"store: {{url: 'sqlite:///{tmp_path}/own.db'}}\n")
    engine = open_store(f"sqlite:///{tmp_path}/own.db")
    with engine.begin() as connection:
        record_names(connection, {(1, TOTAL): 50, (1, "c.example"): 5, (2, "c.example"): 5})
    engine.dispose()
    done = CliRunner().invoke(diff, [*files, "-c", str(configuration)])
    assert done.stdout.splitlines()[1:4] == [
        "of 50 sampled queries on 2 days (20.00% of them for names in the sample):",
        "  newly blocked 20.00% (10 queries, 1 names)",
        "    + 20.00% c.example",
    ]


def test_a_sample_that_cannot_be_used(files: tuple[str, str], tmp_path: Path) -> None:
    """A bad line is a warning, a store that cannot be read another; a file without a name is refused."""
    sample, configuration = tmp_path / "sample.csv", tmp_path / "own.yaml"
    sample.write_text("c.example,5\nc.example\n")
    done = CliRunner().invoke(diff, [*files, "--sample", str(sample)])
    assert (done.exit_code, done.stderr) == (1, f"warning: {sample}:2: 'c.example' is not name,count\n")
    sample.write_text("c.example five\n")
    done = CliRunner().invoke(diff, [*files, "--sample", str(sample)])
    assert isinstance(done.exception, InputError)
    (tmp_path / "own.db").write_text("no database at all, whatever its name says")
    configuration.write_text(f"store: {{url: 'sqlite:///{tmp_path}/own.db'}}\n")
    done = CliRunner().invoke(diff, [*files, "-c", str(configuration)])
    assert (done.exit_code, done.stdout.count("\n")) == (1, 3)
    assert done.stderr.startswith("warning: no sample of resolved names: ")
