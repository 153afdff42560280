"""`dnsfilter audit`."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, delete

from dnsfilter.cli.audit import audit
from dnsfilter.cli.stores import changing
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store.audit import append
from dnsfilter.store.schema import audit as table


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Return a configuration whose audit holds two entries."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\nstore: {url: 'sqlite:///s.db'}\n")
    for subject in ("d-one", "d-two"):
        with changing(load_configuration(file)) as connection:
            append(connection, time=0, actor="alice", action="reveal", subject=subject, details={"reason": "T-1"})
    return file


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(audit, arguments)


def remove(configuration: Path, number: int) -> None:
    """Remove an entry."""
    engine = create_engine(f"sqlite:///{configuration.parent}/s.db")
    with engine.begin() as connection:
        connection.execute(delete(table).where(table.c.number == number))
    engine.dispose()


def test_intact(configuration: Path) -> None:
    """An audit that nobody touched verifies with status 0; as JSON there is no finding to print."""
    done = run("verify", "-c", str(configuration))
    assert (done.exit_code, done.stdout) == (0, "2 entries, intact\n")
    done = run("verify", "--json", "-c", str(configuration))
    assert (done.exit_code, done.stdout) == (0, "")


def test_tampered(configuration: Path) -> None:
    """A removed entry is one finding and status 1, also when it was the last."""
    remove(configuration, 2)
    done = run("verify", "-c", str(configuration))
    assert (done.exit_code, done.stdout) == (1, "entries 2 to 2 are missing at the end\n")
    done = run("verify", "--json", "-c", str(configuration))
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"number": 2, "message": "entries 2 to 2 are missing at the end"}


def test_a_removed_store_is_a_finding(configuration: Path) -> None:
    """Removing the whole store does not remove what the heads know."""
    (configuration.parent / "s.db").unlink()
    assert run("verify", "-c", str(configuration)).exit_code == 1


def test_lists(configuration: Path) -> None:
    """Entries show one a line, as a table and as JSON."""
    heading, first, _ = run("list", "-c", str(configuration)).stdout.splitlines()
    assert heading.split() == ["NUMBER", "TIME", "ACTOR", "ACTION", "SUBJECT", "DETAILS"]
    assert re.split(" {2,}", first) == ["1", "1970-01-01T00:00:00Z", "alice", "reveal", "d-one", "reason T-1"]
    listed = [json.loads(line) for line in run("list", "--json", "-c", str(configuration)).stdout.splitlines()]
    assert [(entry["number"], entry["subject"], entry["details"]) for entry in listed] == [
        (1, "d-one", {"reason": "T-1"}),
        (2, "d-two", {"reason": "T-1"}),
    ]


def test_no_store_yet(tmp_path: Path) -> None:
    """Where nothing ran yet, the audit is empty and intact, and nothing is made."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\n")
    assert run("verify", "-c", str(file)).stdout == "0 entries, intact\n"
    assert run("list", "-c", str(file)).stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["dnsfilter.yaml"]
