"""`dnsfilter outbox`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.outbox import outbox
from dnsfilter.cli.stores import changing
from dnsfilter.store import outbox as store
from dnsfilter.store.outbox import Destination
from tests.fakes.events import MORNING, event
from tests.fakes.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Return an office with a mail that was sent, one that failed, and an event that is not addressed."""
    made = Office(tmp_path)
    with changing(made.configuration) as connection:
        store.add(connection, [event(id="evt_sent"), event(id="evt_late"), event(id="evt_new")])
        sent, late, _ = store.list_new(connection, 10)
        for each in (sent, late):
            store.address(connection, each, [Destination("mail", made.device)])
        sent, late = store.take_due(connection, "mail", MORNING, 10, (), ordered=False)
        store.keep_as_sent(connection, [sent], MORNING + 1)
        store.postpone(connection, [(late, MORNING + 60)])
    return made


def run(office: Office, *arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(outbox, [*arguments, "-c", str(office.file)])


def test_shows(office: Office) -> None:
    """Each message has a line that says what it is about and how it stands, and names nobody."""
    lines = run(office).stdout.splitlines()
    assert lines[0].split() == ["TIME", "KIND", "DEVICE", "APP", "OUTLET", "STATE", "ATTEMPTS"]
    assert [line.split()[-2] for line in lines[1:]] == ["waits", "2023-03-15T08:00:01Z", "2023-03-15T08:01:00Z"]
    assert office.device in lines[2]
    assert "alice" not in "".join(lines)


def test_pending(office: Office) -> None:
    """What was sent can be left out; JSON has the ids."""
    rows = [json.loads(line) for line in run(office, "--pending", "--json").stdout.splitlines()]
    assert [(row["event"], row["outlet"], row["sent"]) for row in rows] == [
        ("evt_new", "", None),
        ("evt_late", "mail", None),
    ]


def test_retry(office: Office) -> None:
    """What failed is due at once."""
    assert "1 messages are tried" in run(office, "--retry").stdout
    rows = [json.loads(line) for line in run(office, "--pending", "--json").stdout.splitlines()]
    assert [(row["event"], row["due"]) for row in rows if row["attempts"]] == [("evt_late", None)]


def test_no_store_yet(tmp_path: Path) -> None:
    """Before the first start there is nothing to show."""
    file = tmp_path / "x.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\n")
    done = CliRunner().invoke(outbox, ["-c", str(file)])
    assert (done.exit_code, done.stdout) == (0, "")
