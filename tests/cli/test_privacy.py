"""`dnsfilter privacy`."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli import privacy as module
from dnsfilter.cli.privacy import privacy
from dnsfilter.cli.reveal import reveal
from dnsfilter.cli.stores import heads_file, reading
from dnsfilter.errors import DnsfilterError, StoreError
from dnsfilter.feeds.state import hold_state
from dnsfilter.store.audit import list_entries, verify
from dnsfilter.store.devices import list_devices
from tests.fakes.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def rotate(office: Office) -> Result:
    """Run the command."""
    return CliRunner().invoke(privacy, ["rotate-key", "--reason", "T-44", "-c", str(office.file)])


def owner(office: Office, pseudonym: str) -> object:
    """Return who owns a device."""
    done = CliRunner().invoke(reveal, [pseudonym, "--reason", "T-1", "--json", "-c", str(office.file)])
    return json.loads(done.stdout).get("owner")


def pseudonyms(office: Office) -> set[str]:
    """Return the pseudonyms in the store."""
    with reading(office.configuration) as connection:
        return {device.id for device in list_devices(connection)} if connection else set()


def test_record(tmp_path: Path) -> None:
    """The record is that of the configuration given, with paths as this machine has them, and nothing is made."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\nstore: {retention: 30d}\n")
    done = CliRunner().invoke(privacy, ["record", "-c", str(file)])
    assert done.exit_code == 0
    assert done.stdout.startswith("# Record of processing\n")
    assert f"The store is sqlite:///{tmp_path}/var/dnsfilter.db." in done.stdout
    assert "Kept: 30d." in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["dnsfilter.yaml"]


def test_rotation(office: Office) -> None:
    """All pseudonyms are others, old and new ones can be revealed, and the store holds an old one nowhere."""
    done = rotate(office)
    assert done.exit_code == 0, done.exception
    assert "2 pseudonyms replaced, 0 of them of nobody known" in done.stdout
    assert pseudonyms(office).isdisjoint({office.device, office.visitor})
    content = b"".join(file.read_bytes() for file in office.directory.glob("s.db*"))
    assert office.device.encode() not in content
    assert {owner(office, pseudonym) for pseudonym in pseudonyms(office)} == {"Alice Müller", None}
    assert owner(office, office.device) == "Alice Müller"
    with reading(office.configuration) as connection:
        assert connection
        first, *_ = list_entries(connection)
        assert (first.action, first.details["pseudonyms"], first.details["reason"]) == ("rotate-key", 2, "T-44")
        assert verify(connection, heads_file(office.configuration)) == []


@pytest.mark.parametrize("step", ["_rekey", "put_in_force", "scrub"])
def test_an_interrupted_rotation_goes_on(office: Office, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever step fails, running the command again leaves what an uninterrupted one would, with one entry."""

    def fail(*_: object) -> None:
        raise StoreError("power failure")

    with monkeypatch.context() as patched:
        patched.setattr(module, step, fail)
        assert isinstance(rotate(office).exception, StoreError)
    if step != "scrub":
        assert rotate(office).exit_code == 0
    assert pseudonyms(office).isdisjoint({office.device, office.visitor})
    assert {owner(office, pseudonym) for pseudonym in pseudonyms(office)} == {"Alice Müller", None}
    with reading(office.configuration) as connection:
        assert connection
        assert [entry.action for entry in list_entries(connection)].count("rotate-key") == 1


def test_no_rotation_while_it_runs(office: Office) -> None:
    """While the service holds the state, nothing is replaced."""
    lock = hold_state(Path(office.configuration.state))
    assert isinstance(rotate(office).exception, DnsfilterError)
    os.close(lock)
    assert office.device in pseudonyms(office)


def test_no_rotation_without_the_inventory(office: Office) -> None:
    """An inventory that cannot be read would make every device a stray: nothing is replaced and nobody held up."""
    inventory = office.directory / "devices.csv"
    content = inventory.read_text()
    inventory.unlink()
    assert "devices.csv" in str(rotate(office).exception)
    assert office.device in pseudonyms(office)
    inventory.write_text(content)
    assert owner(office, office.device) == "Alice Müller"
