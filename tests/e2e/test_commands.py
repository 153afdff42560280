"""The commands, run as a user runs them: exit status, output, and no traceback whatever they are given."""

import json
from pathlib import Path

import pytest

from tests.e2e.server import command

GOOD = """\
blocklists: [{name: tiktok, file: tiktok.yaml}]
policies: [{name: tiktok, blocklists: [tiktok], phases: {observe: 2023-02-23, enforce: 2023-03-15}}]
"""

BROKEN = {
    "not YAML": ("listen: [", 1),
    "not a mapping": ("- a\n- b\n", 1),
    "unknown key": ("\nlisten:\n  dsn: []\n", 3),
    "wrong port": ("listen: {dns: ['127.0.0.1:99999']}\n", 1),
    "no such file": (GOOD.replace("tiktok.yaml", "absent.yaml"), 1),
    "no such blocklist": (GOOD + "\n# comment\n" + "allow: [{name: a.example, reason: r, groups: [nobody]}]\n", 5),
    "phases out of order": (GOOD.replace("2023-02-23", "2024-02-23"), 2),
    "broken record": ("records:\n  - 'a.example. 300 A not-an-address'\n", 2),
    "zero workers": ("workers: 0\n", 1),
    "bad upstream": ("upstreams:\n  - servers: [dns.example]\n", 2),
    "bad duration": ("store:\n  retention: soon\n", 2),
    "key given twice": ("workers: 1\nworkers: 2\n", 2),
    "tab": ("listen:\n\tdns: []\n", 2),
    "not UTF-8": (b"listen:\n  dns: ['\xff\xfe']\n", 0),
    "control character": ("listen:\n  dns: ['\x00']\n", 2),
    "deep nesting": ("a: " + "[" * 3000, 1),
    "alias bomb": ("a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n", 1),
}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Write a small good configuration."""
    path = tmp_path / "dnsfilter.yaml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize("case", BROKEN)
def test_check_names_the_place(tmp_path: Path, case: str) -> None:
    """A broken configuration ends `check` and `serve` with status 2 and one line naming file and line."""
    text, line = BROKEN[case]
    path = tmp_path / "broken.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for verb in ("check", "serve"):
        done = command(verb, "-c", str(path))
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert f"broken.yaml:{line}" in done.stderr if line else "broken.yaml" in done.stderr


@pytest.mark.parametrize(
    ("inventory", "told"),
    [
        (None, "devices.csv: inventory: cannot be read"),
        ("name,owner\nlaptop,somebody\n", "devices.csv:1: has no column 'id'"),
        ("id,group\nL-1,\nL-2,nobody\n", "devices.csv:3: group: there is no group 'nobody'"),
    ],
)
def test_check_reads_the_inventory(configuration: Path, inventory: str | None, told: str) -> None:
    """An inventory that is not there or holds a mistake ends `check` with status 2, naming the place."""
    configuration.write_text(GOOD + "inventory: devices.csv\n")
    if inventory is not None:
        (configuration.parent / "devices.csv").write_text(inventory)
    done = command("check", "-c", str(configuration))
    assert done.returncode == 2
    assert told in done.stderr


def test_check_reports_everything_at_once(tmp_path: Path) -> None:
    """Three mistakes are three lines, not three runs."""
    path = tmp_path / "broken.yaml"
    path.write_text("workers: none\nsinkhole: {ipv4: here}\nnonsense: 1\n")
    errors = command("check", "-c", str(path)).stderr
    assert [f"broken.yaml:{line}" in errors for line in (1, 2, 3)] == [True] * 3


def test_check_accepts(configuration: Path) -> None:
    """A good configuration ends `check` with status 0 and nothing on standard error."""
    done = command("check", "-c", str(configuration))
    assert (done.returncode, done.stderr) == (0, "")


def test_missing_configuration_is_an_input_error(tmp_path: Path) -> None:
    """A file that does not exist is named, with status 2."""
    done = command("check", "-c", str(tmp_path / "absent.yaml"))
    assert done.returncode == 2
    assert "absent.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_checks_the_list_and_the_place_in_it(tmp_path: Path, configuration: Path) -> None:
    """A mistake in a list is reported with the list's file and line."""
    (tmp_path / "tiktok.yaml").write_text("app: tiktok\nentries:\n  - {suffix: 'a..b', role: web, grade: weak}\n")
    done = command("check", "-c", str(configuration))
    assert done.returncode == 2
    assert "tiktok.yaml:3" in done.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "dns", "proxy", "app"),
    [
        ("www.tiktok.com", [], "sinkhole", "refuse", "tiktok"),
        ("www.tiktok.com", ["--at", "2023-03-01"], "observe", "observe", "tiktok"),
        ("www.tiktok.com", ["--at", "2020-01-01"], "resolve", "pass", "tiktok"),
        ("www.example", [], "resolve", "pass", None),
    ],
)
def test_explains(configuration: Path, name: str, arguments: list[str], dns: str, proxy: str, app: str | None) -> None:
    """`explain --json` says what resolver and proxy do with a name, when, and by which rule."""
    done = command("explain", name, "--client", "127.0.0.1", *arguments, "--json", "-c", str(configuration))
    told = json.loads(done.stdout)
    assert set(told) >= {
        "name", "app", "role", "grade", "rule", "blocklist", "group", "phase", "dns", "proxy", "exception",
    }  # fmt: skip
    assert (told["name"], told["dns"], told["proxy"]) == (name, dns, proxy)
    assert (told["app"] or None) == app
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "bad..name"],
        ["explain", "a" * 64 + ".example"],
        ["explain", "www.example", "--client", "here"],
        ["explain", "www.example", "--at", "soon"],
        ["explain"],
        ["devices", "--standing", "guilty"],
        ["no-such-command"],
        ["check", "--no-such-option"],
    ],
)
def test_wrong_arguments(configuration: Path, arguments: list[str]) -> None:
    """A wrong argument ends with status 2, a message and no traceback."""
    needs_file = arguments[0] in {"explain", "devices"}
    done = command(*arguments, *(["-c", str(configuration)] if needs_file else []))
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_devices_of_nobody(configuration: Path, tmp_path: Path) -> None:
    """Without any sighting `devices` is empty, and that is no error."""
    configuration.write_text(GOOD + f"state: {tmp_path}/var\nstore: {{url: 'sqlite:///{tmp_path}/d.db'}}\n")
    done = command("devices", "--json", "-c", str(configuration))
    assert (done.returncode, done.stdout) == (0, "")


def test_works_without_a_configuration(tmp_path: Path) -> None:
    """Where no file lies, the embedded default is checked and found good."""
    assert command("check", directory=tmp_path).returncode == 0
