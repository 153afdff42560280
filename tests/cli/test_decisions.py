"""`dnsfilter devices exempt` and `clear`."""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.devices import devices
from dnsfilter.cli.stores import heads_file, reading
from dnsfilter.errors import DnsfilterError
from dnsfilter.store.audit import current_actor, list_entries, verify
from dnsfilter.store.database import open_store
from dnsfilter.store.decisions import Exempted, list_clearances, list_exemptions
from dnsfilter.store.standings import rule
from tests.fakes.office import Office
from tests.fakes.orders import OneOrder

UNTIL = 1_893_456_000
"""The beginning of 2030 in UTC."""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(devices, arguments)


def exempt(
    office: Office, device: str, *, until: str = "2030-01-01", reason: str = "press", ticket: str = "T-1"
) -> Result:
    """Run `exempt`."""
    return run("exempt", device, "--until", until, "--reason", reason, "--ticket", ticket, "-c", str(office.file))


def decided(office: Office) -> tuple[dict[str, Exempted], dict[str, float]]:
    """Return exemptions and clearances."""
    with reading(office.configuration) as connection:
        assert connection
        return list_exemptions(connection), list_clearances(connection)


def judge(office: Office) -> None:
    """Do what the manager does."""
    engine = open_store(office.configuration.store.url)
    with engine.begin() as connection:
        rule(connection, OneOrder(), time.time())
    engine.dispose()


def test_exempts(office: Office) -> None:
    """The exemption is written with who gave the command, and audited with it; the audit verifies."""
    done = exempt(office, office.device)
    assert (done.exit_code, done.stdout.split(",")[0]) == (0, f"{office.device} is exempt until 2030-01-01T00:00:00Z")
    exemptions, _ = decided(office)
    found = exemptions[office.device]
    assert found[1:5] == (UNTIL, "press", "T-1", current_actor())
    assert abs(found.time - time.time()) < 60
    with reading(office.configuration) as connection:
        assert connection
        (entry,) = list_entries(connection)
        assert verify(connection, heads_file(office.configuration)) == []
    assert (entry.actor, entry.action, entry.subject) == (current_actor(), "exempt", office.device)
    assert entry.details == {
        "reason": "press", "ticket": "T-1", "until": "2030-01-01T00:00:00Z", "standing": "suspected"
    }  # fmt: skip


def test_clears(office: Office) -> None:
    """The clearance is written and audited."""
    done = run("clear", office.device, "--reason", "app removed", "-c", str(office.file))
    assert (done.exit_code, done.stdout.split(",")[0]) == (0, f"{office.device} is cleared")
    _, clearances = decided(office)
    assert abs(clearances[office.device] - time.time()) < 60
    with reading(office.configuration) as connection:
        assert connection
        (entry,) = list_entries(connection)
    assert (entry.action, entry.details) == ("clear", {"reason": "app removed", "standing": "suspected"})


def test_shows_once_the_manager_has_obeyed(office: Office) -> None:
    """An exempt and a cleared device are listed as such by their standings."""
    exempt(office, office.device)
    judge(office)
    listed = run("--standing", "exempt", "-c", str(office.file)).stdout
    assert office.device in listed
    assert f"exempt until 2030-01-01T00:00:00Z by {current_actor()}, ticket T-1: press" in listed
    run("exempt", office.device, "--until", "2030-01-01", "--reason", "x", "--ticket", "T-2", "-c", str(office.file))
    judge(office)
    assert "ticket T-2: x" in run("show", office.device, "-c", str(office.file)).stdout


@pytest.mark.parametrize("command", [["exempt", "--until", "2030-01-01", "--ticket", "T-1"], ["clear"]])
def test_an_unknown_device_is_a_no(office: Office, command: list[str]) -> None:
    """Nothing is decided about who is not there, and nothing is audited."""
    done = run(*command, "d-three", "--reason", "r", "-c", str(office.file))
    assert (done.exit_code, done.stderr) == (1, "no device 'd-three' is known\n")
    assert decided(office) == ({}, {})
    with reading(office.configuration) as connection:
        assert connection
        assert list(list_entries(connection)) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"until": "2020-01-01"}, "--until: '2020-01-01' is in the past"),
        ({"until": "soon"}, "--until: 'soon' "),
        ({"reason": " "}, "--reason: ' ' is no reason"),
        ({"ticket": ""}, "--ticket: '' is no ticket"),
    ],
)
def test_wrong_options_are_said(office: Office, changed: dict[str, str], said: str) -> None:
    """A time that is none or past, an empty reason and an empty ticket are refused with the option's name."""
    done = exempt(office, office.device, **changed)
    assert isinstance(done.exception, DnsfilterError)
    assert said in str(done.exception)
    assert decided(office) == ({}, {})


@pytest.mark.parametrize("left_out", ["--until", "--reason", "--ticket"])
def test_every_option_is_required(office: Office, left_out: str) -> None:
    """An exemption without an end, a reason or a ticket is a wrong command."""
    options = {"--until": "2030-01-01", "--reason": "r", "--ticket": "T-1"}
    del options[left_out]
    words = [word for option in options.items() for word in option]
    assert run("exempt", office.device, *words, "-c", str(office.file)).exit_code == 2
