"""`dnsfilter devices`, on stores that tests have filled."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.cli.devices import devices, to_json_line
from dnsfilter.cli.output import format_time
from dnsfilter.errors import DnsfilterError
from dnsfilter.evidence.record import Attribution
from dnsfilter.model import Grade, Standing
from dnsfilter.store.database import open_store
from dnsfilter.store.devices import DeviceSummary
from dnsfilter.store.sightings import record
from tests.fakes.sightings import NOON, attributed, sighting

FIELDS = {"id", "group", "standing", "since", "first_seen", "last_seen", "sightings", "grades", "explanation"}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Return a configuration whose store holds two devices."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\nstore: {url: 'sqlite:///s.db'}\n")
    engine = open_store(f"sqlite:///{tmp_path}/s.db")
    with engine.begin() as connection:
        record(
            connection,
            [
                attributed(sighting("a"), "d-one"),
                attributed(sighting("b", time=NOON + 60), "d-one"),
                attributed(sighting("w", Grade.WEAK), "d-two", Attribution.UNKNOWN, "none"),
            ],
        )
    engine.dispose()
    return file


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(devices, arguments)


def test_lists_as_json(configuration: Path) -> None:
    """One object a line with the fields of the contract, times in RFC 3339."""
    done = run("--json", "-c", str(configuration))
    listed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [device["id"] for device in listed] == ["d-one", "d-two"]
    assert all(set(device) == FIELDS for device in listed)
    one = listed[0]
    assert (one["standing"], one["sightings"], one["grades"]) == ("confirmed", 2, {"strong": 2, "weak": 0, "none": 0})
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one[key]) for key in ("since", "first_seen", "last_seen")
    )


@given(st.text(), st.text(), st.text(), st.integers(0, 10**9))
def test_lines_are_what_json_makes_of_them(name: str, group: str, explanation: str, number: int) -> None:
    """A line of JSON is that of the standard library, whatever stands in the texts."""
    grades = {"strong": number, "weak": 1, "none": 0}
    device = DeviceSummary(name, group, Standing.CLEAR, NOON, NOON, NOON + number, number + 1, grades, explanation)
    times = {each: format_time(getattr(device, each)) for each in ("since", "first_seen", "last_seen")}
    assert to_json_line(device) == json.dumps(device._asdict() | times) + "\n"


def test_lists_as_a_table(configuration: Path) -> None:
    """Without --json there is a heading and one aligned line a device."""
    heading, *lines = run("-c", str(configuration)).stdout.splitlines()
    assert heading.split()[:3] == ["ID", "GROUP", "STANDING"]
    assert [line.split()[:3] for line in lines] == [
        ["d-one", "corporate", "confirmed"],
        ["d-two", "none", "unattributable"],
    ]
    assert len({line.index(line.split()[2]) for line in lines}) == 1


def test_lists_one_standing(configuration: Path) -> None:
    """--standing keeps the others out; one that does not exist is a wrong argument."""
    assert run("--standing", "confirmed", "--json", "-c", str(configuration)).stdout.count("\n") == 1
    assert run("--standing", "exempt", "-c", str(configuration)).stdout == ""
    assert run("--standing", "guilty", "-c", str(configuration)).exit_code == 2


@pytest.mark.parametrize("order", [("-c", "FILE", "show", "d-one"), ("show", "d-one", "-c", "FILE")])
def test_shows_one(configuration: Path, order: tuple[str, ...]) -> None:
    """A device shows with what it did, wherever the configuration is named."""
    arguments = [str(configuration) if word == "FILE" else word for word in order]
    done = run(*arguments)
    assert done.exit_code == 0
    assert "confirmed: a and b within 24 h" in done.stdout
    assert re.search(r"^b +app-api +strong +dns +sinkhole", done.stdout, re.MULTILINE)
    shown = json.loads(run(*arguments, "--json").stdout)
    assert set(shown) == FIELDS | {"evidence"}
    assert [row["rule"] for row in shown["evidence"]] == ["b", "a"]


def test_an_unknown_device_is_a_no(configuration: Path) -> None:
    """Asking for a device that is not there ends with status 1 and a message."""
    done = run("show", "d-three", "-c", str(configuration))
    assert done.exit_code == 1
    assert "d-three" in done.stderr


def test_no_store_yet(tmp_path: Path) -> None:
    """Before the first sighting there is nothing to list, nothing to show, and nothing is made."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\n")
    done = run("--json", "-c", str(file))
    assert (done.exit_code, done.stdout) == (0, "")
    assert run("show", "d-one", "-c", str(file)).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["dnsfilter.yaml"]


@pytest.mark.parametrize("content", ["nonsense: 1\n", "store: {url: 'mysql://x'}\n"])
def test_a_broken_configuration_is_refused(tmp_path: Path, content: str) -> None:
    """What is wrong with the configuration is said by the error that the command line shows."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text(content)
    done = run("-c", str(file))
    assert isinstance(done.exception, DnsfilterError)
    assert "dnsfilter.yaml:1" in str(done.exception)


def test_a_broken_store_is_said(configuration: Path) -> None:
    """A store that is no database is one error with its place."""
    (configuration.parent / "s.db").write_bytes(b"nonsense" * 1_000)
    done = run("-c", str(configuration))
    assert isinstance(done.exception, DnsfilterError)
    assert "s.db: file is not a database" in str(done.exception)
