"""The proxy on a gateway between real networks, in every mode and every phase: who is reached, and what is recorded."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.e2e.gateway import (
    DOH,
    GATEWAY,
    LISTED,
    LISTED_NAME,
    PORTS,
    ROOT,
    SINKHOLES,
    UNLISTED,
    UNLISTED_NAME,
    WIREGUARD_PORT,
    Filter,
    House,
    build_house,
    resolve,
)
from tests.e2e.proxy import Fetched, issuer
from tests.fakes.origin import ISSUER
from tests.processes import Processes, require_program, wait_until

ENFORCE = {"enforce": "2023-03-15"}
PHASES = {
    "observe": {"observe": "2023-02-23"},
    "warn": {"warn": "2023-03-01"},
    "enforce": ENFORCE,
    "quarantine": {**ENFORCE, "quarantine": "2023-03-15"},
}
ACTIONS = {"observe": "observe", "warn": "warn", "enforce": "refuse", "quarantine": "refuse"}
BLOCKING = ("enforce", "quarantine")
PATIENCE_SECONDS = {True: 10, False: 1}
"""How long a QUIC client tries, by whether it should come through."""


class Mode(NamedTuple):
    """How a client comes through the proxy in one of its modes, and the channel that a refused name is seen on."""

    kind: str
    place: str
    options: tuple[str, ...]
    channel: str


BUILT_IN = (*resolve(LISTED_NAME, LISTED[4]), *resolve(UNLISTED_NAME, UNLISTED[4]))
MODES = [
    Mode("regular", "office", ("--proxy", f"http://{GATEWAY}:{PORTS['regular']}"), "http"),
    Mode("upstream", "office", ("--proxy", f"http://{GATEWAY}:{PORTS['upstream']}"), "http"),
    Mode("socks5", "office", ("--proxy", f"socks5h://{GATEWAY}:{PORTS['socks5']}"), "sni"),
    Mode("transparent", "office", BUILT_IN, "sni"),
    Mode("transparent, IPv6", "office", resolve(LISTED_NAME, LISTED[6]), "sni"),
    Mode("wireguard", "phone", BUILT_IN, "sni"),
    Mode("sinkhole", "office", (), "sni"),
]


@pytest.fixture(scope="module")
def house(module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with build_house(module_processes, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module", params=PHASES)
def phase(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def gateway(house: House, phase: str) -> Iterator[Filter]:
    """Start dnsfilter on the gateway with both policies in a phase, and lead the phone through it."""
    gateway = Filter(house, PHASES[phase])
    connect_phone(house, gateway)
    yield gateway
    house.run("phone", "ip", "link", "delete", house.tunnel)
    gateway.stop()


def connect_phone(house: House, gateway: Filter) -> None:
    """Set up a WireGuard client with the keys that mitmproxy has made."""
    wg, tunnel = require_program("wg", "wireguard-tools"), require_program("wireguard-go", "wireguard-go")
    keys = json.loads((gateway.directory / "var" / "mitmproxy" / "wireguard.conf").read_text())
    (key := house.directory / "phone.key").write_text(keys["client_key"])
    server = subprocess.run([wg, "pubkey"], input=keys["server_key"], capture_output=True, text=True, check=True)
    house.processes.start(
        "wireguard",
        [*house.inside("phone"), tunnel, "--foreground", house.tunnel],
        lambda _: house.run("phone", wg, "show", house.tunnel).returncode == 0,
    )
    peer = ("peer", server.stdout.strip(), "endpoint", f"10.20.1.1:{WIREGUARD_PORT}", "allowed-ips", "0.0.0.0/0")
    for command in (
        (wg, "set", house.tunnel, "private-key", str(key), *peer),
        ("ip", "address", "add", "10.0.0.1/32", "dev", house.tunnel),
        ("ip", "link", "set", house.tunnel, "up"),
        ("ip", "route", "add", "default", "dev", house.tunnel),
    ):
        done = house.run("phone", *command)
        assert done.returncode == 0, done.stderr


def fetch(house: House, mode: Mode, name: str) -> Fetched:
    """Fetch a page in a mode, believing no certificate but the internet's own."""
    return house.curl(mode.place, f"https://{name}/", *mode.options)


def count_banned(house: House) -> int:
    """Return what has reached the banned server, by whatever way."""
    direct = sum(house.count(address=address) for address in LISTED.values())
    return direct + house.count("connect", f"{LISTED_NAME}:443")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.kind)
def test_every_mode_in_every_phase(house: House, gateway: Filter, phase: str, mode: Mode) -> None:
    """A listed name reaches nobody where the phase blocks, and passes undecrypted before; either way it is recorded."""
    seen = {"app": "tiktok", "channel": mode.channel if phase in BLOCKING else "sni", "action": ACTIONS[phase]}
    before, banned = gateway.metric("dnsfilter_sightings_total", **seen), count_banned(house)
    fetched = fetch(house, mode, LISTED_NAME)
    if phase in BLOCKING:
        assert (fetched.status, count_banned(house)) == (0, banned)
    else:
        assert (fetched.status, issuer(fetched)) == (200, f"CN={ISSUER}")
        assert count_banned(house) == banned + 1
    wait_until(lambda: gateway.metric("dnsfilter_sightings_total", **seen) > before, f"a sighting {seen}")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.kind)
def test_unlisted_passes_undecrypted(house: House, gateway: Filter, mode: Mode) -> None:
    """In every mode the client of an unlisted name sees the server's own certificate."""
    reached = house.count("tcp")
    fetched = fetch(house, mode, UNLISTED_NAME)
    assert fetched.status == 200
    assert ISSUER in issuer(fetched)
    assert house.count("tcp") == reached + 1
    assert UNLISTED_NAME not in gateway.running.output


@pytest.mark.slow
def test_a_phone_asks_our_resolver(house: House, gateway: Filter, phase: str) -> None:
    """Over WireGuard the address of the gateway is our resolver, and a known resolver of others is refused."""
    assert gateway.running.is_alive
    dig = ("dig", "+short", "+tries=1", "+time=3")
    ours = house.run("phone", *dig, "@10.20.1.1", LISTED_NAME).stdout.split()
    assert ours == [SINKHOLES[4] if phase in BLOCKING else LISTED[4]]
    if phase in BLOCKING:
        house.run("phone", *dig, f"@{DOH[4]}", UNLISTED_NAME)
        assert house.count(port=53, address=DOH[4]) == 0


@pytest.mark.slow
def test_quic_over_wireguard(house: House, gateway: Filter, phase: str) -> None:
    """The mode that sees UDP finds the name in the Initial packet, whatever the address, and no server hears of it."""
    seen = {"app": "tiktok", "channel": "quic", "action": ACTIONS[phase]}
    before, reached = gateway.metric("dnsfilter_sightings_total", **seen), house.count("udp", 443)
    expected = "" if phase in BLOCKING else f"CN={ISSUER}"
    for address in (UNLISTED[4], LISTED[4]):
        assert quic(house, "phone", address, LISTED_NAME, passes=phase not in BLOCKING) == expected
    wait_until(lambda: gateway.metric("dnsfilter_sightings_total", **seen) >= before + 2, f"two sightings {seen}")
    assert (house.count("udp", 443) == reached) == (phase in BLOCKING)


@pytest.mark.slow
def test_unlisted_quic_over_wireguard(house: House, gateway: Filter) -> None:
    """QUIC under an unlisted name is between the client and the server itself, and nothing fails on the way."""
    passed, failures = house.count("udp", 443, UNLISTED[4]), gateway.metric("dnsfilter_proxy_errors_total")
    assert quic(house, "phone", UNLISTED[4], UNLISTED_NAME, passes=True) == f"CN={ISSUER}"
    assert house.count("udp", 443, UNLISTED[4]) > passed
    assert gateway.metric("dnsfilter_proxy_errors_total") == failures
    assert "crashed" not in gateway.running.output


def quic(house: House, place: str, address: str, name: str, *, passes: bool) -> str:
    """Try a QUIC connection; return the issuer of the certificate, nothing where there was none within the time."""
    client = str(ROOT / "tests" / "fakes" / "quic.py")
    done = house.run(place, sys.executable, client, address, name, str(PATIENCE_SECONDS[passes]))
    assert done.returncode == 0, done.stderr
    return done.stdout
