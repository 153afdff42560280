"""The systemd unit: accepted by systemd's own checker, and exposed no more than it says."""

import re
import subprocess
from pathlib import Path

import pytest

from dnsfilter.settings.resolver import Listen
from tests.processes import require_program

DIRECTORY = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = DIRECTORY / "dnsfilter.service"
SOCKETS = sorted(DIRECTORY.glob("*.socket"))
HIGHEST_EXPOSURE = 2.0


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze to its end; it needs no running systemd for this."""
    program = require_program("systemd-analyze", "systemd")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def exposure(unit: Path) -> float:
    """Return how much of the machine a unit leaves within reach: 0 nothing, 10 everything."""
    done = analyze("security", "--offline=yes", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


def installable(directory: Path, text: str) -> Path:
    """Write a unit whose program exists on this machine."""
    copy = directory / UNIT.name
    copy.write_text(text.replace("/usr/bin/dnsfilter ", "/usr/bin/env "))
    return copy


def test_verifies(tmp_path: Path) -> None:
    """Systemd knows every directive and finds nothing to warn of."""
    done = analyze("verify", str(installable(tmp_path, UNIT.read_text())))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_unknown_directive_is_noticed(tmp_path: Path) -> None:
    """The check above can fail."""
    text = UNIT.read_text().replace("ProtectSystem=", "ProtectSistem=")
    assert "ProtectSistem" in analyze("verify", str(installable(tmp_path, text))).stderr


def test_exposes_little() -> None:
    """The service can reach little of the machine that it runs on."""
    assert exposure(UNIT) <= HIGHEST_EXPOSURE


def test_starts_as_documented() -> None:
    """Paths are Debian's, a reload is SIGHUP, and the account is the one that sysusers makes."""
    settings = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#")
    assert settings["ExecStart"] == "/usr/bin/dnsfilter serve -c /etc/dnsfilter/dnsfilter.yaml"
    assert settings["ExecReload"] == "kill -HUP $MAINPID"
    assert settings["AmbientCapabilities"] == settings["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    assert f"u {settings['User']} " in (DIRECTORY / "dnsfilter.sysusers").read_text()


def test_the_gateways_units_verify(tmp_path: Path) -> None:
    """So are the units that keep a gateway's rules in force, with the options that the command knows."""
    names = ("dnsfilter-gateway.service", "dnsfilter-gateway.timer")
    for name in names:
        text = (DIRECTORY / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/bin/dnsfilter ", "/usr/bin/env "))
    require_program("nft", "nftables")
    done = analyze("verify", *(str(tmp_path / name) for name in names))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "--format nftables --gateway listed -c /etc/dnsfilter/dnsfilter.yaml" in (DIRECTORY / names[0]).read_text()


@pytest.mark.parametrize("socket", SOCKETS, ids=lambda path: path.name)
def test_sockets_verify(tmp_path: Path, socket: Path) -> None:
    """Systemd finds nothing to warn of in a socket beside its service, which every socket is for."""
    installable(tmp_path, UNIT.read_text())
    copy = tmp_path / socket.name
    copy.write_text(socket.read_text())
    done = analyze("verify", str(copy))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "Service=dnsfilter.service" in socket.read_text() or socket.stem == UNIT.stem


def test_sockets_are_called_as_their_keys() -> None:
    """The name of each socket is the key of `listen` that says what is spoken there."""
    names = re.findall(r"^FileDescriptorName=(\w+)$", "".join(path.read_text() for path in SOCKETS), re.MULTILINE)
    assert sorted(names) == ["dns", "https", "tls"]
    assert set(names) <= set(Listen.model_fields)
