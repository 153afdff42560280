"""`dnsfilter replay`, on files of every format."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.replay import replay
from dnsfilter.errors import InputError
from tests.fakes.captures import dnstap, ethernet, frames, pcap, query, tcp, udp
from tests.fakes.hello import client_hello

CONFIGURATION = """
upstreams: [{servers: [192.0.2.53]}]
blocklists: [{name: tiktok, file: tiktok.yaml}]
groups: [{name: corporate}]
inventory: devices.csv
policies: [{name: tiktok, blocklists: [tiktok], phases: {enforce: 2023-03-15}}]
"""
FIELDS = {"client", "id", "group", "standing", "since", "first_seen", "last_seen", "sightings", "grades", "explanation"}
API, LOG = "api16-normal-useast5.tiktokv.us", "rtlog16-normal-useast5.tiktokv.us"
TIME = 1_700_000_000.0
PHONE, TABLET, SERVER = "10.20.0.1", "10.20.0.2", "10.20.0.53"
PACKETS = [
    (TIME, ethernet(udp(PHONE, SERVER, query(API)))),
    (TIME + 1, ethernet(tcp(PHONE, "71.18.0.1", 1, client_hello(LOG)))),
    (TIME + 2, ethernet(udp(TABLET, SERVER, query("www.tiktok.com")))),
]
QUERIES = [
    dnstap(5, client, TIME, query(name)) for client, name in ((PHONE, API), (PHONE, LOG), (TABLET, "www.tiktok.com"))
]
CSV = f"""time,client,name,qtype,channel,detail
2023-11-14T22:13:20Z,{PHONE},{API},A,,
2023-11-14T22:13:21Z,{PHONE},{LOG},,sni,okhttp
2023-11-14T22:13:22Z,{TABLET},www.tiktok.com,A,dns,
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with configuration and inventory."""
    (tmp_path / "dnsfilter.yaml").write_text(CONFIGURATION)
    inventory = f"id,group,ip\nA1,corporate,{PHONE}\nB1,corporate,{TABLET}\n"
    (tmp_path / "devices.csv").write_text(inventory)
    return tmp_path


def run(directory: Path, content: bytes, *arguments: str) -> Result:
    """Run the command on a file with this content."""
    (directory / "recorded").write_bytes(content)
    return CliRunner().invoke(
        replay, [str(directory / "recorded"), "-c", str(directory / "dnsfilter.yaml"), *arguments]
    )


@pytest.mark.parametrize("content", [CSV.encode(), pcap(PACKETS), frames(QUERIES)], ids=["CSV", "pcap", "dnstap"])
def test_formats(directory: Path, content: bytes) -> None:
    """Whatever the format, the same clients are flagged, one object each, and nothing is written."""
    done = run(directory, content, "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.exit_code, done.stderr) == (0, "")
    assert all(set(row) == FIELDS for row in rows)
    assert {row["client"]: row["standing"] for row in rows} == {PHONE: "confirmed", TABLET: "clear"}
    assert rows[0]["grades"] == {"strong": 2, "weak": 0, "none": 0}
    assert rows[0]["first_seen"] == "2023-11-14T22:13:00Z"
    assert {file.name for file in directory.iterdir()} == {"dnsfilter.yaml", "devices.csv", "recorded"}


def test_details(directory: Path) -> None:
    """A user agent proves the app beside a name, whatever the name, and a pinned certificate no more than its name."""
    agent = "com.zhiliaoapp.musically/2022509040 (Linux; U; Android 13; en_US)"
    rows = [
        f"2023-11-14T22:13:20Z,{PHONE},example.org,,http,{agent}",
        f"2023-11-14T22:13:21Z,{PHONE},{LOG},,sni,pinned",
    ]
    rows += [
        f"2023-11-14T22:13:22Z,{TABLET},{API},,sni,pinned",
        f"2023-11-14T22:13:22Z,{TABLET},example.org,,dns,{agent}",
    ]
    done = run(directory, "\n".join([CSV.splitlines()[0], *rows]).encode(), "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["client"], row["standing"], row["grades"]["strong"]) for row in found] == [
        (PHONE, "confirmed", 3),
        (TABLET, "suspected", 2),
    ]
    assert "request by the app" in found[0]["explanation"]


def test_table(directory: Path) -> None:
    """Without --json there is a table, the gravest standing first."""
    heading, first, second = run(directory, CSV.encode()).stdout.splitlines()
    assert heading.split()[:4] == ["CLIENT", "ID", "GROUP", "STANDING"]
    assert [(line.split()[0], line.split()[3]) for line in (first, second)] == [(PHONE, "confirmed"), (TABLET, "clear")]


def test_at(directory: Path) -> None:
    """--at is when the policy decides, not when the recording was made."""
    assert '"sightings": 0' in run(directory, CSV.encode(), "--json", "--at", "2023-03-14").stdout.splitlines()[0]
    error = run(directory, CSV.encode(), "--at", "soon").exception
    assert isinstance(error, InputError)
    assert str(error).startswith("--at: 'soon' is not a date")


def test_bad_lines(directory: Path) -> None:
    """Lines that cannot be read are warnings with their place, and the rest counts."""
    done = run(directory, (CSV + "never,x,y\n").encode(), "--json")
    assert done.exit_code == 0
    assert done.stdout.count("\n") == 2
    assert done.stderr.startswith(f"warning: {directory}/recorded:5: time: 'never' is not an RFC 3339 time")


@pytest.mark.parametrize("content", [b"", b"time,name\n", b"time,client,name\nx,y,z\n", pcap(PACKETS)[:30]])
def test_nothing_to_read(directory: Path, content: bytes) -> None:
    """When nothing can be read the input was wrong."""
    done = run(directory, content)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"warning: {directory}/recorded:")


def test_pseudonyms_of_the_store(directory: Path) -> None:
    """Where there is a key, a device has the id that the store knows it by."""
    (directory / "var").mkdir()
    (directory / "var" / "pseudonym.key").write_bytes(b"k" * 32)
    first = run(directory, CSV.encode(), "--json").stdout
    assert first == run(directory, CSV.encode(), "--json").stdout


def test_who_asks(directory: Path) -> None:
    """Whatever a client asks for is seen that a list is about, and proves nothing."""
    zone = "32.1.0.20.10.rpz-client-ip CNAME .\n"
    (directory / "zone.rpz").write_text(zone)
    text = CONFIGURATION.replace("file: tiktok.yaml}", "file: tiktok.yaml}, {name: zone, file: zone.rpz, format: rpz}")
    (directory / "dnsfilter.yaml").write_text(text.replace("blocklists: [tiktok],", "blocklists: [tiktok, zone],"))
    time, name = "2023-11-14T22:13:20Z", "www.example.org"
    csv = f"time,client,name\n{time},{PHONE},{name}\n{time},{TABLET},{name}\n"
    done = run(directory, csv.encode(), "--json")
    found = {(fields := json.loads(line))["client"]: fields for line in done.stdout.splitlines()}
    assert [(found[client]["sightings"], found[client]["standing"]) for client in (PHONE, TABLET)] == [
        (1, "clear"),
        (0, "clear"),
    ]
