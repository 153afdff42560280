"""One response policy zone, in BIND and in dnsfilter, asked the same by the same clients: same answers."""

import json
import socket
from pathlib import Path

import pytest
from dnslib import QTYPE, RCODE, DNSRecord

from tests.e2e.bind import start_bind
from tests.e2e.server import Server, responds, start_server
from tests.e2e.unbound import Unbound
from tests.processes import Processes, free_port, wait_until

ZONE = """\
$TTL 300
@ SOA localhost. root.localhost. (
    1 ; serial
    3600 600 86400 60 )
  NS localhost.
; who asks
32.11.0.0.127.rpz-client-ip CNAME .
32.12.0.0.127.rpz-client-ip CNAME *.
32.13.0.0.127.rpz-client-ip CNAME rpz-passthru.
32.14.0.0.127.rpz-client-ip CNAME rpz-drop.
32.15.0.0.127.rpz-client-ip A 10.9.9.9
                            TXT "Ask the Desk; 4711"
32.16.0.0.127.rpz-client-ip A 127.0.0.1
28.32.0.0.127.rpz-client-ip CNAME .
32.33.0.0.127.rpz-client-ip CNAME rpz-passthru.
30.36.0.0.127.rpz-client-ip CNAME *.
32.37.0.0.127.rpz-client-ip A 10.9.9.10
128.1.zz.rpz-client-ip CNAME *.
; what is asked for
hosted.example CNAME .
www.hosted.example CNAME rpz-passthru.
*.hosted.example CNAME .
www.example A 10.1.2.3
    A 10.1.2.4
    AAAA 2001:db8::5
    TXT "It is Blocked" "by us"
mail.example 60 MX 20 Other.example.
*.tiktok.com TXT "below"
; what it leads to
32.96.2.0.192.rpz-ip CNAME .
32.12.2.0.192.rpz-ip A 10.8.8.8
"""
SETTINGS = {
    "canaries": False,
    "blocklists": [{"name": "zone", "file": "zone.rpz", "format": "rpz"}],
    "policies": [{"name": "all", "blocklists": ["zone"], "phases": {"enforce": "2023-03-15"}, "answer": "nxdomain"}],
}
IPV4 = ("10", "11", "12", "13", "15", "16", "32", "33", "34", "36", "37", "38", "47", "48")
CLIENTS = (*(f"127.0.0.{last}" for last in IPV4), "::1")
QUESTIONS = (
    *(("hosted.example", "A"), ("www.hosted.example", "A"), ("x.hosted.example", "AAAA"), ("late.example", "A")),
    *(("www.example", qtype) for qtype in ("A", "AAAA", "TXT", "MX")),
    *(("mail.example", "MX"), ("mail.example", "TXT"), ("www.tiktok.com", "TXT"), ("www.tiktok.com", "A")),
    *(("short.example", "A"), ("none.example", "A")),
)
BY_ADDRESS = {"late.example", "short.example"}
Outcome = tuple[str, list[str]]


def ask(port: int, client: str, name: str, qtype: str) -> Outcome | None:
    """Return rcode and answers that a client gets on loopback; None where it gets none."""
    family, server = (socket.AF_INET6, "::1") if ":" in client else (socket.AF_INET, "127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.bind((client, 0))
        asking.connect((server, port))
        asking.send(DNSRecord.question(name, qtype).pack())
        try:
            response = DNSRecord.parse(asking.recv(4096))
        except TimeoutError:
            return None
    answers = [(QTYPE[record.rtype], str(record.rdata)) for record in response.rr]
    return RCODE[response.header.rcode], sorted(
        f"{qtype} {rdata if qtype == 'TXT' else rdata.lower()}" for qtype, rdata in answers
    )


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the zone."""
    path = tmp_path_factory.mktemp("rpz") / "zone.rpz"
    path.write_text(ZONE)
    path.parent.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def ours(upstream: Unbound, module_processes: Processes, zone: Path) -> Server:
    """Start dnsfilter with the zone as a list."""
    settings = {**SETTINGS, "upstreams": [{"servers": [upstream.address]}], "rate_limit": {"per_client_qps": 0}}
    return start_server(module_processes, zone.parent, settings)


@pytest.fixture(scope="module")
def port_of_bind(upstream: Unbound, module_processes: Processes, zone: Path) -> int:
    """Start BIND with the zone, which also tells a TTL as the zone has it."""
    port = free_port()
    start_bind(module_processes, zone.parent, port, upstream.port, zone, lambda: responds(port))
    wait_until(lambda: ask(port, "127.0.0.10", "hosted.example", "A")[0] == "NXDOMAIN", "the zone is in force")
    return port


def test_same_answers_as_bind(ours: Server, port_of_bind: int) -> None:
    """Whoever asks whatever: client before name, longest prefix first, local data of any type, as BIND has it."""
    wanted = {(client, *asked): ask(port_of_bind, client, *asked) for client in CLIENTS for asked in QUESTIONS}
    assert wanted["127.0.0.15", "short.example", "A"] == ("NOERROR", ["A 10.9.9.9"])
    assert wanted["127.0.0.10", "www.example", "TXT"] == ("NOERROR", ['TXT "It is Blocked","by us"'])
    for _ in range(3):  # the memo answers what was asked twice
        assert {key: ask(ours.port, *key) for key in wanted} == wanted


def test_silence(ours: Server, port_of_bind: int) -> None:
    """DROP is no answer from either, whatever is asked, and others are still answered."""
    for port in (port_of_bind, ours.port):
        assert ask(port, "127.0.0.14", "late.example", "A") is None
        assert ask(port, "127.0.0.13", "late.example", "A") == ("NOERROR", ["A 192.0.2.96"])


@pytest.mark.parametrize(
    ("client", "dns", "match", "rule"),
    [
        ("127.0.0.10", "resolve", None, None),
        ("127.0.0.14", "drop", "client", "127.0.0.14/32"),
        ("127.0.0.15", "sinkhole", "client", "127.0.0.15/32"),
        ("127.0.0.33", "resolve", "client", "127.0.0.33/32"),
        ("127.0.0.34", "nxdomain", "client", "127.0.0.32/28"),
        ("::1", "nodata", "client", "::1/128"),
    ],
)
def test_explain(ours: Server, client: str, dns: str, match: str | None, rule: str | None) -> None:
    """Explain says the same, by which trigger."""
    done = ours.command("explain", "short.example", "--client", client, "--json")
    fields = json.loads(done.stdout)
    assert (fields["dns"], fields["match"], fields["rule"]) == (dns, match, rule)


def test_export(ours: Server, port_of_bind: int, upstream: Unbound, processes: Processes, tmp_path: Path) -> None:
    """The zone, exported by us and loaded into BIND, is answered as before, IP triggers aside."""
    file = tmp_path / "export.rpz"
    done = ours.command("lists", "export", "--format", "rpz", "-o", str(file))
    assert done.returncode == 0, done.stderr
    tmp_path.chmod(0o755)
    port = free_port()
    start_bind(processes, tmp_path, port, upstream.port, file, lambda: responds(port))
    asked = [(client, *question) for client in CLIENTS for question in QUESTIONS if question[0] not in BY_ADDRESS]
    assert {key: ask(port, *key) for key in asked} == {key: ask(port_of_bind, *key) for key in asked}
    assert ask(port, "127.0.0.14", "short.example", "A") is None
