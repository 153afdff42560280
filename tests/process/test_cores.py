"""How many workers `auto` means."""

import os
from pathlib import Path

import pytest

from dnsfilter.process.cores import count_cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def place(directory: Path, quotas: dict[str, str]) -> tuple[Path, Path]:
    own, root = directory / "own", directory / "root"
    own.write_text("0::/system.slice/dnsfilter.service\n")
    for group, quota in quotas.items():
        (root / group).mkdir(parents=True, exist_ok=True)
        (root / group / "cpu.max").write_text(quota)
    return own, root


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({}, 8),
        ({"system.slice/dnsfilter.service": "max 100000\n"}, 8),
        ({"system.slice/dnsfilter.service": "200000 100000\n"}, 2),
        ({"system.slice/dnsfilter.service": "250000 100000\n"}, 3),
        ({"system.slice/dnsfilter.service": "1000 100000\n"}, 1),
        ({"system.slice/dnsfilter.service": "9900000 100000\n"}, 8),
        ({"system.slice": "400000 100000\n", "system.slice/dnsfilter.service": "max 100000\n"}, 4),
        ({"": "300000 100000\n"}, 3),
        ({"system.slice": "nonsense\n"}, 8),
        ({"system.slice": "100 0\n"}, 8),
    ],
)
def test_quotas(tmp_path, quotas, cores):
    """The smallest quota on the way to the root counts, where it is smaller than what the process is bound to."""
    assert count_cores(*place(tmp_path, quotas)) == cores


def test_without_control_groups(tmp_path, monkeypatch):
    """Where nothing is known of control groups it is the cores that the process is bound to."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert count_cores(tmp_path / "absent", tmp_path) == 2
    (tmp_path / "old").write_text("4:cpu,cpuacct:/x\n")
    assert count_cores(tmp_path / "old", tmp_path) == 2
