"""`dnsfilter devices forget`."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.devices import devices
from dnsfilter.cli.stores import reading
from dnsfilter.errors import DnsfilterError
from dnsfilter.store.audit import list_entries
from dnsfilter.store.devices import find_device
from tests.fakes.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(devices, ["forget", *arguments])


def test_forgets_one(office: Office) -> None:
    """The device is gone from store and files but for the entry that says so; the other device stays."""
    done = run(office.device, "--reason", "T-43", "-c", str(office.file))
    assert (done.exit_code, done.stdout) == (0, "erased rows: 1 of devices, 50 of sightings\n")
    with reading(office.configuration) as connection:
        assert connection
        assert find_device(connection, office.device) is None
        assert find_device(connection, office.visitor)
        (entry,) = list_entries(connection)
    assert (entry.action, entry.subject) == ("forget", office.device)
    assert (entry.details["reason"], entry.details["sightings"]) == ("T-43", 50)
    content = b"".join(file.read_bytes() for file in office.directory.glob("s.db*"))
    assert content.count(office.device.encode()) == 1


def test_an_unknown_device_is_a_no(office: Office) -> None:
    """Who is not there cannot be forgotten, and nothing is audited."""
    done = run("d-three", "--reason", "T-43", "-c", str(office.file))
    assert done.exit_code == 1
    assert "d-three" in done.stderr
    with reading(office.configuration) as connection:
        assert connection
        assert list(list_entries(connection)) == []


def test_needs_a_reason(office: Office) -> None:
    """Without a reason nothing is erased."""
    assert isinstance(run(office.device, "--reason", " ", "-c", str(office.file)).exception, DnsfilterError)
    with reading(office.configuration) as connection:
        assert connection
        assert find_device(connection, office.device)
