"""`dnsfilter report`, on a store that the test has filled."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.report import report
from dnsfilter.errors import InputError, StoreError
from dnsfilter.store.database import open_store
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.sightings import record
from tests.fakes.sightings import attributed, sighting

KEY = b"k" * 32
DAYS = ("--from", "2023-11-13", "--to", "2023-11-15")
TABLES = ["devices", "sightings", "phases", "inventory", "unattributable", "bypass", "days_without_data"]
CONFIGURATION = """
upstreams: [{servers: [192.0.2.53]}]
blocklists: [{name: tiktok, file: tiktok.yaml}]
groups: [{name: corporate}]
inventory: devices.csv
policies: [{name: tiktok, blocklists: [tiktok], phases: {enforce: 2023-03-15}}]
store: {url: 'sqlite:///s.db'}
privacy: {pseudonym_key: key}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with a store that holds six devices of an inventory of seven."""
    (tmp_path / "dnsfilter.yaml").write_text(CONFIGURATION)
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "devices.csv").write_text("id,group\n" + "".join(f"{number},corporate\n" for number in range(7)))
    engine = open_store(f"sqlite:///{tmp_path}/s.db")
    with engine.begin() as connection:
        names = [Pseudonyms(KEY).of_device(str(number)) for number in range(6)]
        record(connection, [attributed(sighting("a"), name) for name in names])
    engine.dispose()
    return tmp_path


def run(directory: Path, *arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(report, ["-c", str(directory / "dnsfilter.yaml"), *arguments])


def test_json(directory: Path) -> None:
    """One object holds the period and all tables."""
    done = run(directory, *DAYS, "--format", "json")
    found = json.loads(done.stdout)
    assert (found["from"], found["to"], found["timezone"], found["minimum_segment"]) == (*DAYS[1::2], "UTC", 5)
    assert list(found)[4:] == TABLES
    assert found["devices"] == [{"app": "tiktok", "group": "corporate", "standing": "suspected", "devices": 6}]
    assert found["inventory"] == [{"group": "corporate", "devices": 7, "seen": 6, "never_seen": 1}]


def test_csv(directory: Path) -> None:
    """Every row of every table is a line that names its table."""
    rows = list(csv.DictReader(io.StringIO(run(directory, *DAYS, "--format", "csv").stdout)))
    assert {row["table"] for row in rows} == set(TABLES)
    (devices,) = [row for row in rows if row["table"] == "devices"]
    assert (devices["group"], devices["devices"], devices["policy"]) == ("corporate", "6", "")


def test_markdown(directory: Path) -> None:
    """Every table has a heading, and its rows stand in it; no pseudonym does."""
    text = run(directory, *DAYS).stdout
    assert text.count("\n## ") == len(TABLES)
    assert "| tiktok | corporate | suspected | 6 |" in text
    assert "d-" not in text


def test_no_store(directory: Path) -> None:
    """Before the first sighting the report says so, and makes no store."""
    (directory / "s.db").unlink()
    assert "never seen" in run(directory, *DAYS).stdout
    assert not (directory / "s.db").exists()


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (("--from", "soon", "--to", "2023-11-15"), "--from: 'soon' is not a date"),
        (("--from", "2023-11-15", "--to", "15.11.2023"), "--to: '15.11.2023' is not a date"),
        (("--from", "2023-11-15", "--to", "2023-11-14"), "--to: 2023-11-14 is before --from 2023-11-15"),
    ],
)
def test_bad_days(directory: Path, days: tuple[str, ...], message: str) -> None:
    """A day that is none, or a period that ends before it begins, is an error that names option and value."""
    error = run(directory, *days).exception
    assert isinstance(error, InputError)
    assert str(error).startswith(message)


def test_days_are_required(directory: Path) -> None:
    """Without both days the command line is wrong."""
    assert run(directory, "--from", "2023-11-15").exit_code == 2


def test_no_key(directory: Path) -> None:
    """Without the key nobody can tell who of the inventory was seen, which is said rather than guessed."""
    (directory / "key").unlink()
    error = run(directory, *DAYS).exception
    assert isinstance(error, StoreError)
    assert "key: cannot be read" in str(error)
