"""`dnsfilter lists lint`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.lists_lint import lint

SETTINGS = """\
upstreams:
  - {servers: [192.0.2.53]}
  - {domains: [corp.example], servers: [192.0.2.54]}
allow:
  - {name: a.example, reason: over, until: 2020-01-01}
  - {name: b.example, reason: still}
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Write a configuration with a domain of our own and an exception that has expired."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text(SETTINGS)
    return file


def run(configuration: Path, *arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(lint, [*arguments, "-c", str(configuration)])


def test_tells_place_and_remedy(configuration: Path, tmp_path: Path) -> None:
    """Public suffixes, shared CDNs, own domains, professional apps and expired exceptions are told with their line."""
    file = tmp_path / "extra.txt"
    file.write_text("co.uk\nfine.example\ncloudfront.net\nvpn.corp.example\noffice.com\nakamaized.net\nd..example\n")
    done = run(configuration, str(file), "--json")
    assert done.exit_code == 1
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(Path(each["file"]).name, each["line"], each["severity"], each["check"]) for each in found} == {
        ("dnsfilter.yaml", 5, "note", "expired"),
        ("extra.txt", 1, "error", "too-broad"),
        ("extra.txt", 3, "error", "too-broad"),
        ("extra.txt", 3, "warning", "never-block"),
        ("extra.txt", 4, "error", "protected"),
        ("extra.txt", 5, "error", "protected"),
        ("extra.txt", 6, "error", "too-broad"),
        ("extra.txt", 6, "warning", "never-block"),
        ("extra.txt", 7, "error", "bad-line"),
    }
    text = run(configuration, str(file)).stdout
    assert f"{file}:4: error: vpn.corp.example: corp.example: our own domain (upstreams); delete it" in text


def test_nothing_to_find(configuration: Path, tmp_path: Path) -> None:
    """A list without a finding ends with status 0."""
    configuration.write_text("upstreams: [{servers: [192.0.2.53]}]\n")
    file = tmp_path / "extra.txt"
    file.write_text("0.0.0.0 a.example\n")
    done = run(configuration, str(file))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no findings\n")


def test_a_refused_list_does_not_hide_the_others(configuration: Path, tmp_path: Path) -> None:
    """A list that cannot be used ends with status 2, the reason on standard error, and the rest is told too."""
    page, file = tmp_path / "page.txt", tmp_path / "extra.txt"
    page.write_text("<html>")
    file.write_text("co.uk\n")
    done = run(configuration, str(page), "absent.txt", str(file))
    assert done.exit_code == 2
    assert "page.txt:1: refused: this is HTML" in done.stderr
    assert "absent.txt: there is no such file" in done.stderr
    assert "co.uk: is a public suffix" in done.stdout


@pytest.mark.parametrize("name", ["tiktok", "bypass", "professional-apps", "never-block"])
def test_the_shipped_lists_hurt_nobody(configuration: Path, name: str) -> None:
    """No list that we ship has an error or a warning."""
    done = run(configuration, f"{name}.yaml", "--json")
    assert {json.loads(line)["severity"] for line in done.stdout.splitlines()} <= {"note"}
