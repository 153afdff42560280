"""`dnsfilter reveal`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.reveal import reveal
from dnsfilter.cli.stores import heads_file, reading
from dnsfilter.errors import DnsfilterError
from dnsfilter.store.audit import Entry, current_actor, list_entries
from tests.fakes.office import Office

NOBODY = "d-aaaaaaaaaaaaaaaa"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def run(office: Office, *arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(reveal, [*arguments, "-c", str(office.file)])


def entries(office: Office) -> list[Entry]:
    """Return what the audit holds."""
    with reading(office.configuration) as connection:
        return list(list_entries(connection)) if connection else []


def test_a_device(office: Office) -> None:
    """A pseudonym of a device of the inventory shows device and owner; the audit knows who asked and why."""
    done = run(office, office.device, "--reason", " T-42 ")
    assert done.exit_code == 0
    assert "owner:     Alice Müller\n" in done.stdout
    assert "Bob" not in done.stdout
    (entry,) = entries(office)
    assert (entry.actor, entry.action, entry.subject) == (current_actor(), "reveal", office.device)
    assert entry.details == {"reason": "T-42", "known": True}


def test_an_address(office: Office) -> None:
    """A pseudonym of an address that no device had shows the address and the MAC of its lease."""
    done = run(office, office.visitor, "--reason", "T-42", "--json")
    assert json.loads(done.stdout) == {"id": office.visitor, "address": "10.0.0.9", "macs": ["02:00:00:00:00:09"]}
    assert [entry.subject for entry in entries(office)] == [office.visitor]


def test_nobody(office: Office) -> None:
    """A pseudonym of nobody known is a no, and asking is audited."""
    done = run(office, NOBODY, "--reason", "T-42")
    assert (done.exit_code, done.stdout) == (1, "")
    assert NOBODY in done.stderr
    assert [entry.details["known"] for entry in entries(office)] == [False]


@pytest.mark.parametrize("text", ["Alice Müller", "10.0.0.1", "dev-1", "d-AAAAAAAAAAAAAAAA", ""])
def test_what_is_no_pseudonym_stays_out_of_the_audit(office: Office, text: str) -> None:
    """A name or address given by mistake is a no, and is written nowhere."""
    assert run(office, text, "--reason", "T-42").exit_code == 1
    assert entries(office) == []


@pytest.mark.parametrize("reason", [["--reason", ""], ["--reason", " \t"], []])
def test_no_reason(office: Office, reason: list[str]) -> None:
    """Without a reason nothing is revealed and nothing audited."""
    done = run(office, office.device, *reason)
    assert done.exit_code == 2 or isinstance(done.exception, DnsfilterError)
    assert "Alice" not in done.output
    assert entries(office) == []


def test_the_audit_holds_no_person(office: Office) -> None:
    """After a reveal neither the store nor the heads hold anything of the inventory."""
    run(office, office.device, "--reason", "T-42")
    files = [heads_file(office.configuration), *office.directory.glob("s.db*")]
    content = b"".join(file.read_bytes() for file in files)
    assert office.device.encode() in content
    for text in ("Alice", "alice@corp.example", "Laptop 1", "dev-1", "10.0.0.1", "02:00:00:00:00:01"):
        assert text.encode() not in content


@pytest.mark.parametrize("obstacle", ["heads", "store"])
def test_no_audit_no_answer(office: Office, obstacle: str) -> None:
    """Where the entry cannot be written or anchored, nothing is shown."""
    if obstacle == "heads":
        heads_file(office.configuration).mkdir()
    else:
        (office.directory / "s.db").write_bytes(b"nonsense" * 1_000)
    done = run(office, office.device, "--reason", "T-42")
    assert isinstance(done.exception, DnsfilterError)
    assert done.output == ""


def test_a_missing_key_is_not_made(office: Office) -> None:
    """Without the key nobody can be found; a new one would be of no use and is not made."""
    key = Path(office.configuration.privacy.pseudonym_key)
    key.unlink()
    done = run(office, office.device, "--reason", "T-42")
    assert isinstance(done.exception, DnsfilterError)
    assert str(key) in str(done.exception)
    assert not key.exists()
