"""`dnsfilter lists export`; what real servers make of it is proven in tests/e2e."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.lists_export import export
from dnsfilter.errors import InputError

SETTINGS = """\
upstreams: [{servers: [192.0.2.53]}]
canaries: false
blocklists: [{name: one, file: one.txt}, {name: two, file: two.txt}]
allow: [{name: b.example, reason: r, groups: [some]}]
groups: [{name: some}]
policies:
  - {name: first, blocklists: [one], groups: [some], phases: {enforce: 2023-03-15}}
  - {name: second, blocklists: [two], phases: {observe: 2023-03-15, enforce: 2999-01-01}}
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Write a configuration with one policy that blocks and one that will."""
    (tmp_path / "one.txt").write_text("one.example\nbad line\n")
    (tmp_path / "two.txt").write_text("two.example\n")
    file = tmp_path / "dnsfilter.yaml"
    file.write_text(SETTINGS)
    return file


def run(configuration: Path, *arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(export, ["--format", "adguard", *arguments, "-c", str(configuration)])


def rules(text: str) -> list[str]:
    """Return the lines that are no comments."""
    return [line for line in text.splitlines() if not line.startswith("!")]


def test_what_blocks_now(configuration: Path) -> None:
    """Only policies in an enforcing phase are exported, for everybody; what is left out is told."""
    done = run(configuration)
    assert done.exit_code == 0
    assert rules(done.stdout) == ["||one.example^"]
    assert "! policy first: one -> sinkhole" in done.stdout
    assert "not expressed: exception b.example: for some groups only" in done.stderr
    assert "warning: " in done.stderr


def test_one_policy(configuration: Path, tmp_path: Path) -> None:
    """A policy that is named is exported whatever its phase, to a file where one is named."""
    done = run(configuration, "--policy", "second", "-o", str(tmp_path / "out"))
    assert done.stdout == ""
    assert rules((tmp_path / "out").read_text()) == ["||two.example^"]


def test_rules_of_a_gateway(configuration: Path) -> None:
    """A gateway's rules watch what any policy lists and refuse what is blocked now; other syntaxes have none."""
    for name, network in (("one", "192.0.2.0/25"), ("two", "192.0.2.128/25")):
        catalogue = f"app: a\ntitle: A\nrole: web\ngrade: weak\nnetworks: [{{cidr: {network}}}]\nentries: []\n"
        (configuration.parent / f"{name}.yaml").write_text(catalogue)
    configuration.write_text(SETTINGS.replace(".txt", ".yaml"))
    arguments = ["--format", "nftables", "--gateway", "listed", "-c", str(configuration)]
    done = CliRunner().invoke(export, arguments)
    assert done.stdout.startswith("# dnsfilter lists export --format nftables --gateway listed\n")
    watched, listed = (
        done.stdout.partition(f"set {name}_ipv4")[2].partition("\n  }")[0] for name in ("watched", "listed")
    )
    assert "192.0.2.0/24," in watched
    assert "192.0.2.0/25," in listed
    assert "not expressed: capture of port 53" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--gateway", "all"], "--gateway: 'all': only --format nftables has rules for a gateway"),
        (["--policy", "third"], "--policy: there is no policy 'third': the configuration has first, second"),
        (["-o", "/nowhere/out"], "/nowhere/out: cannot be written: No such file or directory"),
    ],
)
def test_what_is_wrong_is_told(configuration: Path, arguments: list[str], told: str) -> None:
    """A policy that does not exist and a file that cannot be written are one error each."""
    done = run(configuration, *arguments)
    assert isinstance(done.exception, InputError)
    assert told in str(done.exception)


ZONE = """\
24.0.2.0.192.rpz-client-ip CNAME .
32.9.2.0.192.rpz-client-ip CNAME rpz-passthru.
128.1.zz.db8.2001.rpz-client-ip 60 TXT "Ask us"
garden.example 60 A 192.0.2.7
*.garden.example 60 CNAME garden.example.
"""


def test_who_asks_and_local_data(configuration: Path) -> None:
    """RPZ has words for what a list says of clients and for its own records; other formats tell what they have not."""
    (configuration.parent / "two.txt").write_text(ZONE)
    configuration.write_text(SETTINGS.replace("file: two.txt", "file: two.txt, format: rpz"))
    done = run(configuration, "--policy", "second", "--format", "rpz")
    lines = [line for line in done.stdout.splitlines() if not line.startswith((";", "@", "$"))]
    assert lines == [
        "24.0.2.0.192.rpz-client-ip CNAME .",
        "32.9.2.0.192.rpz-client-ip CNAME rpz-passthru.",
        '128.1.zz.db8.2001.rpz-client-ip 60 TXT "Ask us"',
        "garden.example 60 A 192.0.2.7",
        "*.garden.example 60 CNAME garden.example.",
    ]
    assert "exceptions free no name for whoever asks from there: 2 (192.0.2.0/24, 2001:db8::1/128)" in done.stderr
    told = run(configuration, "--policy", "second", "--format", "unbound").stderr
    assert "who asks, see --format rpz: 3 (192.0.2.0/24, 192.0.2.9/32, 2001:db8::1/128)" in told
    assert "the sinkhole's address instead of a list's own local data: 1 (garden.example)" in told
