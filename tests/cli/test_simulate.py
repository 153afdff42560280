"""`dnsfilter simulate`, on a store that the test has filled."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.simulate import simulate
from dnsfilter.errors import InputError
from dnsfilter.store.database import open_store
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.sightings import record
from tests.fakes.sightings import attributed, sighting

KEY = b"k" * 32
PHONE = Pseudonyms(KEY).of_device("A1")
CONFIGURATION = """
timezone: Europe/Brussels
upstreams: [{servers: [192.0.2.53]}]
blocklists: [{name: tiktok, file: tiktok.yaml}]
groups: [{name: corporate}]
inventory: devices.csv
policies:
  - {name: tiktok, blocklists: [tiktok], groups: [corporate], phases: {warn: 2030-01-01, quarantine: 2030-02-01}}
store: {url: 'sqlite:///s.db'}
privacy: {pseudonym_key: key}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with a store in which one device has just been confirmed."""
    (tmp_path / "dnsfilter.yaml").write_text(CONFIGURATION)
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "devices.csv").write_text("id,group\nA1,corporate\n")
    engine = open_store(f"sqlite:///{tmp_path}/s.db")
    with engine.begin() as connection:
        record(connection, [attributed(sighting(rule, time=time.time()), PHONE) for rule in "ab"])
    engine.dispose()
    return tmp_path


def run(directory: Path, *arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(simulate, ["-c", str(directory / "dnsfilter.yaml"), *arguments])


def test_json(directory: Path) -> None:
    """There is one object for each policy, with times in RFC 3339 and the devices concerned."""
    done = run(directory, "--at", "2030-02-01", "--json")
    assert json.loads(done.stdout) == {
        "policy": "tiktok",
        "phase": "quarantine",
        "since": "2030-01-31T23:00:00Z",
        "next_phase": None,
        "next_start": None,
        "devices": [{"id": PHONE, "app": "tiktok", "group": "corporate", "consequence": "quarantine"}],
    }


def test_tables(directory: Path) -> None:
    """Without --json there are two tables: the policies and the devices."""
    policies, devices = run(directory, "--at", "2030-02-01").stdout.split("\n\n")
    assert policies.splitlines()[1].split() == ["tiktok", "quarantine", "2030-01-31T23:00:00Z", "-", "-"]
    assert devices.splitlines()[1].split() == ["tiktok", PHONE, "tiktok", "corporate", "quarantine"]


def test_before_the_phase(directory: Path) -> None:
    """Before the phase nobody is concerned, which is said."""
    text = run(directory, "--at", "2030-01-31").stdout
    assert "warn" in text
    assert text.endswith("\nnobody would be quarantined\n")


def test_no_store(directory: Path) -> None:
    """Before the first sighting there are phases, and no store is made."""
    (directory / "s.db").unlink()
    assert json.loads(run(directory, "--at", "2030-02-01", "--json").stdout)["devices"] == []
    assert not (directory / "s.db").exists()


def test_time_is_required(directory: Path) -> None:
    """Without a time the command line is wrong, and so is a time that is none."""
    assert run(directory).exit_code == 2
    assert isinstance(run(directory, "--at", "soon").exception, InputError)
