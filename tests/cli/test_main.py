"""What every command does when something is wrong: one line and a status, no traceback."""

import click
import pytest

import dnsfilter.cli as twin
from dnsfilter.errors import DnsfilterError


def fail_with(error: Exception) -> click.Command:
    """Return a command that fails."""

    def run() -> None:
        raise error

    return click.Command("fail", callback=run)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (DnsfilterError("file:3: key: wrong"), 2, "file:3: key: wrong\n"),
        (
            KeyError("name"),
            2,
            "dnsfilter: a defect, please report it: KeyError('name') (DNSFILTER_DEBUG=1 shows where)\n",
        ),
    ],
)
def test_failures_are_one_line(monkeypatch, capsys, error, status, line):
    """Neither wrong input nor a defect of ours shows a traceback."""
    monkeypatch.setattr(twin, "cli", lambda: fail_with(error)(args=[], standalone_mode=False))
    monkeypatch.delenv(twin.DEBUG, raising=False)
    with pytest.raises(SystemExit) as ended:
        twin.main()
    assert ended.value.code == status
    assert capsys.readouterr().err == line


def test_a_defect_can_be_looked_at(monkeypatch):
    """Who wants to know where a defect is can have the traceback."""
    monkeypatch.setattr(twin, "cli", lambda: fail_with(KeyError("name"))(args=[], standalone_mode=False))
    monkeypatch.setenv(twin.DEBUG, "1")
    with pytest.raises(KeyError):
        twin.main()
