"""A real unbound asked over TLS and over HTTPS, behind a certificate that is verified."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.e2e.unbound import Unbound, start_unbound
from tests.fakes.origin import make_certificate
from tests.processes import Processes, free_port, wait_until

ENCRYPTED = """\
  tls-service-pem: "{certificate}"
  tls-service-key: "{certificate}"
  tls-port: {tls}
  interface: 127.0.0.1@{tls}
  https-port: {https}
  interface: 127.0.0.1@{https}
"""
ADDRESSES = ["192.0.2.10", "192.0.2.11"]
BOOTSTRAP_ZONE = """\
@            SOA ns.example. hostmaster.example. 1 3600 900 604800 60
@            NS  ns.example.
dns.example. A   127.0.0.1
"""


class House:
    """An unbound that speaks DNS, DNS over TLS and DNS over HTTPS under one certificate for dns.example."""

    def __init__(self, processes: Processes, directory: Path) -> None:
        self.certificate = make_certificate(directory, "dns.example", "127.0.0.1")
        self.tls, self.https = free_port(), free_port()
        more = ENCRYPTED.format(certificate=self.certificate, tls=self.tls, https=self.https)
        self.unbound: Unbound = start_unbound(processes, directory, more=more)

    def text(self, scheme: str, name: str = "dns.example") -> str:
        """Return one of its upstreams as the configuration names it."""
        return f"tls://127.0.0.1:{self.tls}#{name}" if scheme == "tls" else f"https://{name}:{self.https}/dns-query"


@pytest.fixture
def house(processes: Processes, tmp_path: Path) -> House:
    return House(processes, tmp_path)


@pytest.fixture
def bootstrap(processes: Processes, tmp_path: Path) -> dict[str, list[str]]:
    """Start a plain resolver that knows where dns.example is, and is asked for nothing else."""
    plain = start_unbound(processes, tmp_path, BOOTSTRAP_ZONE)
    return {"domains": ["dns.example"], "servers": [plain.address]}


Start = Callable[..., Server]


@pytest.mark.parametrize("scheme", ["tls", "https"])
def test_answers_come_from_it(start: Start, house: House, bootstrap: dict[str, list[str]], scheme: str) -> None:
    """Addresses, aliases, names that are not there, and an answer that no datagram holds: all over one upstream."""
    text = house.text(scheme)
    server = start(upstreams=[{"servers": [text], "ca": str(house.certificate)}, bootstrap])
    assert server.dig("www.example").rdata("A") == ADDRESSES
    assert server.dig("chain.example").rdata("A") == ADDRESSES
    assert server.dig("nothing.example").status == "NXDOMAIN"
    assert len(server.dig("sixty.example", "+tcp").rdata("A")) == 60
    assert "ANSWER: 1," in server.dig("long.example", "TXT", "+tcp").text
    assert house.unbound.count("www.example") == 1
    wait_until(
        lambda: server.metric("dnsfilter_upstream_exchanges_total", upstream=text, outcome="answered") >= 5,
        "counted",
        10,
    )
    assert server.metric("dnsfilter_upstream_up", upstream=text) == 1


@pytest.mark.parametrize(
    ("template", "is_known"),
    [
        ("tls://127.0.0.1:{tls}#other.example", True),
        ("tls://127.0.0.1:{tls}#dns.example", False),
        ("https://127.0.0.1:{https}/dns-query", False),
    ],
)
def test_who_is_not_trusted_is_passed_over(
    start: Start,
    house: House,
    upstream: Unbound,
    template: str,
    is_known: bool,  # noqa: FBT001 - a column
) -> None:
    """A wrong name or an unknown authority: the next upstream answers, a metric and one log line tell of it."""
    text = template.format(tls=house.tls, https=house.https)
    servers = {"servers": [text, upstream.address], **({"ca": str(house.certificate)} if is_known else {})}
    server = start(upstreams=[servers])
    for name in ("www.example", "alias.example", "hosted.example", "mail.example"):
        assert server.dig(name).status == "NOERROR"
    wait_until(lambda: server.metric("dnsfilter_upstream_up", upstream=text) == 0, "seen as down", 10)
    assert server.metric("dnsfilter_upstream_exchanges_total", upstream=text, outcome="error") >= 1
    assert house.unbound.count("www.example") == 0
    assert server.running.output.count("its certificate was not accepted") == 1


def test_a_new_authority_counts_without_a_restart(start: Start, house: House, tmp_path: Path) -> None:
    """An upstream that was not trusted is asked once the file of authorities holds its certificate."""
    strange = tmp_path / "strange"
    strange.mkdir()
    ca = make_certificate(strange, "dns.example")
    server = start(upstreams=[{"servers": [house.text("tls")], "ca": str(ca)}])
    assert server.dig("www.example").status == "SERVFAIL"
    ca.write_bytes(house.certificate.read_bytes())
    server.running.send(signal.SIGHUP)
    wait_until(lambda: server.dig("www.example").rdata("A") == ADDRESSES, "the new authority counts", 15)
    assert "answers again" in server.running.output


def test_a_file_that_is_no_authority(start: Start, house: House) -> None:
    """`dnsfilter check` names file, line and key of a `ca` that cannot be used."""
    server = start(upstreams=[{"servers": [house.text("tls")], "ca": str(house.certificate)}])
    house.certificate.write_text("nothing\n")
    done = server.command("check")
    assert done.returncode == 2
    assert f"upstreams[0].ca: {house.certificate}: " in done.stderr
    assert "Traceback" not in done.stderr
