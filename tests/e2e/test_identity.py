"""Who asks, beside the address, with real clients: MACs, ids over TLS and HTTPS, and a real dnsdist's word for it.

The policy is for one group, whose one device has no address: the answer tells whether somebody was taken for it.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.dig import dig
from tests.e2e.server import SINKHOLE_IPV4, Server
from tests.fakes.origin import make_certificate
from tests.processes import Processes, free_port, require_program, wait_until

LISTED, REAL = "www.tiktok.com", "192.0.2.97"
TRUSTED, OTHER, PROXY = "127.0.0.5", "127.0.0.6", "127.0.0.9"
MAC, UNKNOWN_MAC = "02005e005301", "02005e005399"
INVENTORY = "id,name,owner,mail,group,mac,ip\nlaptop,,,,corporate,02:00:5e:00:53:01,\n"
OWN_NAME = "dns.example"
TLV = 224


def settings(directory: Path, identity: Mapping[str, Any], **listen: Any) -> dict[str, Any]:
    """Return sections by which one device of a group may be somebody."""
    (directory / "devices.csv").write_text(INVENTORY)
    policy = {"name": "order", "blocklists": ["tiktok"], "groups": ["corporate"], "phases": {"enforce": "2023-03-15"}}
    return {
        "groups": [{"name": "corporate"}],
        "inventory": str(directory / "devices.csv"),
        "policies": [policy],
        "identity": identity,
        **({"listen": listen} if listen else {}),
    }


def claims(server: Server) -> dict[tuple[str, str], float]:
    """Return the claims that were counted."""
    found = {
        (claim, credence): server.metric("dnsfilter_identity_claims_total", claim=claim, credence=credence)
        for claim in ("mac", "client-id", "proxy-tlv")
        for credence in ("believed", "unknown", "untrusted")
    }
    return {key: count for key, count in found.items() if count}


def test_macs_that_forwarders_pass_on(start, tmp_path):
    """EDNS option 65001 makes a query the device's, from a trusted forwarder only; elsewhere it is counted."""
    server = start(**settings(tmp_path, {"edns_mac": [f"{TRUSTED}/32"]}))
    for _ in range(3):
        assert server.dig(LISTED, "-b", TRUSTED, f"+ednsopt=65001:{MAC}").rdata("A") == [SINKHOLE_IPV4]
        assert server.dig(LISTED, "-b", TRUSTED, f"+ednsopt=65001:{UNKNOWN_MAC}").rdata("A") == [REAL]
        assert server.dig(LISTED, "-b", OTHER, f"+ednsopt=65001:{MAC}").rdata("A") == [REAL]
        assert server.dig(LISTED, "-b", TRUSTED).rdata("A") == [REAL]
    expected = {("mac", "believed"): 3, ("mac", "unknown"): 3, ("mac", "untrusted"): 3}
    wait_until(lambda: claims(server) == expected, "every claim is counted")
    wait_until(lambda: "corporate" in server.command("devices", "--json").stdout, "the device is seen")
    assert server.command("devices", "--json").stdout.count("\n") == 1


@pytest.mark.parametrize("transport", ["https", "tls"])
def test_clients_that_name_themselves(start, tmp_path, transport):
    """An id in the path over HTTPS, or before our name over TLS, counts from trusted networks; nobody else's does."""
    certificate, port = make_certificate(tmp_path, OWN_NAME, f"*.{OWN_NAME}"), free_port()
    files = {"chain": str(certificate), "key": str(certificate)}
    listen = {transport: [f"127.0.0.1:{port}"], "certificate": files, "name": OWN_NAME}
    server = start(**settings(tmp_path, {"client_ids": [f"{TRUSTED}/32"]}, **listen))

    def ask(source: str, device: str) -> str:
        way = ["+tls", f"+tls-hostname={device}.{OWN_NAME}"]
        if transport == "https":
            way = [f"+https=/dns-query/{device}", f"+tls-hostname={OWN_NAME}"]
        return kdig(port, certificate, "-b", source, *way)

    for _ in range(2):
        assert ask(TRUSTED, "laptop") == SINKHOLE_IPV4
        assert ask(TRUSTED, "nobody") == REAL
        assert ask(OTHER, "laptop") == REAL
    expected = {("client-id", "believed"): 2, ("client-id", "unknown"): 2, ("client-id", "untrusted"): 2}
    wait_until(lambda: claims(server) == expected, "every claim is counted")


def kdig(port: int, trusted: Path, *options: str) -> str:
    """Return the address that kdig gets for a listed name."""
    command = [require_program("kdig", "knot-dnsutils"), "@127.0.0.1", "-p", str(port), f"+tls-ca={trusted}"]
    command += ["+short", "+retry=0", *options, LISTED]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout.strip()


@pytest.mark.parametrize("is_tcp", [False, True], ids=["udp", "tcp"])
def test_devices_that_a_load_balancer_names(start, processes, tmp_path, is_tcp):
    """A value in dnsdist's PROXY header names the device; one of another type, or none, names nobody."""
    server = start(**settings(tmp_path, {"proxy_tlv": TLV}, proxy_protocol=[f"{PROXY}/32"]))
    port = start_dnsdist(processes, tmp_path, server.port, is_tcp=is_tcp)
    for _ in range(2):
        assert dig(port, LISTED, "-b", TRUSTED).rdata("A") == [SINKHOLE_IPV4]
        assert dig(port, LISTED, "-b", OTHER).rdata("A") == [REAL]
        assert dig(port, LISTED, "-b", "127.0.0.7").rdata("A") == [REAL]
    wait_until(lambda: claims(server).get(("proxy-tlv", "believed"), 0) == 2, "every claim is counted")


def start_dnsdist(processes: Processes, directory: Path, backend: int, *, is_tcp: bool) -> int:
    """Start a dnsdist that says of one client which device it is, and something else of another; return its port."""
    port, configuration = free_port(), directory / "dnsdist.conf"
    options = f'source="{PROXY}", useProxyProtocol=true, healthCheckMode="up", tcpOnly={str(is_tcp).lower()}'
    configuration.write_text(
        f'setLocal("127.0.0.1:{port}")\nsetACL("127.0.0.0/8")\nnewServer{{address="127.0.0.1:{backend}", {options}}}\n'
        f'addAction("{TRUSTED}/32", SetProxyProtocolValuesAction({{[{TLV}]="laptop", [{TLV + 1}]="x"}}))\n'
        f'addAction("{OTHER}/32", SetProxyProtocolValuesAction({{[{TLV + 1}]="laptop"}}))\n'
    )
    command = [require_program("dnsdist", "dnsdist"), "--supervised", "--disable-syslog", "-C", str(configuration)]
    processes.start("dnsdist", command, lambda _: dig(port, LISTED, "-b", "127.0.0.7", timeout=1).status)
    return port
