"""Going around the resolver, in every way, on a gateway between real networks: counted, in the evidence, and told."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.gateway import DEVICE, DOH, GATEWAY, LISTED, LISTED_NAME, UNLISTED, Filter, House, build_house, resolve
from tests.e2e.server import command
from tests.fakes.hello import client_hello
from tests.processes import Processes, wait_until

FRONT = "edge.tiktok-row.net"
ECH = bytes.fromhex("fe0d0009000001000100200000")
TTL = 1
SEND = "import socket,sys; s=socket.create_connection((sys.argv[1],443)); s.send(bytes.fromhex(sys.argv[2])); s.recv(9)"
INVENTORY = f"id,name,owner,mail,group,mac,ip\nL-1,laptop,A,a@corp.example,corporate,,{DEVICE[4]}\n"
KINDS = {
    "name": f"bypass, blocked in DNS: {LISTED_NAME.removeprefix('www.')}",
    "ech": f"bypass, ECH: {FRONT.removeprefix('edge.')}",
    "ip": "71.18.0.0/16",
    "doh": "dns.google",
}


@pytest.fixture(scope="module")
def house(module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with build_house(module_processes, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def gateway(house: House) -> Iterator[Filter]:
    """Start dnsfilter on the gateway, with an inventory, and with events in a file."""
    inventory, events = house.directory / "devices.csv", house.directory / "events.json"
    inventory.write_text(INVENTORY)
    more: dict[str, Any] = {
        "groups": [{"name": "corporate"}],
        "inventory": str(inventory),
        "events": [{"name": "siem", "to": str(events)}],
        "sinkhole": {"ipv4": "10.66.66.66", "ipv6": "fd00:66::66", "ttl": TTL},
    }
    gateway = Filter(house, {"enforce": "2023-03-15"}, more)
    yield gateway
    gateway.stop()


def hidden_hello() -> bytes:
    """Return a ClientHello to a front that has a further one inside."""
    record = client_hello(FRONT)
    body = record[9:]
    position = 34 + 1 + body[34]
    position += 2 + int.from_bytes(body[position : position + 2])
    position += 1 + body[position]
    extensions = body[position + 2 :] + ECH
    body = body[:position] + len(extensions).to_bytes(2) + extensions
    message = b"\1" + len(body).to_bytes(3) + body
    return b"\x16\3\1" + len(message).to_bytes(2) + message


@pytest.mark.slow
def test_every_way_around_the_resolver(house: House, gateway: Filter) -> None:
    """Each kind is counted for the group, stands as such in the device's evidence, and is one event of a SIEM."""
    house.run("office", "dig", "+short", "+tries=1", f"@{GATEWAY}", LISTED_NAME)
    time.sleep(TTL + 1)
    house.curl("office", f"https://{LISTED_NAME}/", *resolve(LISTED_NAME, LISTED[4]))
    house.curl("office", f"https://{LISTED[4]}/")
    house.curl("office", "https://dns.google/", *resolve("dns.google", DOH[4]))
    house.run("office", sys.executable, "-c", SEND, LISTED[4], hidden_hello().hex())
    for kind in KINDS:
        label = {"kind": kind, "group": "corporate"}
        wait_until(lambda label=label: gateway.metric("dnsfilter_bypass_total", **label) > 0, f"a bypass {label}")
    assert house.count(address=UNLISTED[4]) == 0

    configuration = ("-c", str(gateway.file))
    wait_until(lambda: "bypass, ECH" in shown(configuration), "the evidence is stored")
    device = json.loads(shown(configuration))
    found = {row["bypass"]: row["rule"] for row in device["evidence"] if row["bypass"]}
    assert found["name"] == KINDS["name"]
    assert found["ech"] == KINDS["ech"]
    assert (found["doh"], found["ip"].partition(".")[0]) == (KINDS["doh"], "71")

    def told() -> dict[str, dict[str, Any]]:
        lines = (house.directory / "events.json").read_text().splitlines()
        return {
            line["dnsfilter"]["bypass"]: line for line in map(json.loads, lines) if line["event"]["action"] == "bypass"
        }

    wait_until(lambda: set(told()) == set(KINDS), "all kinds are told")
    assert {line["device"]["id"] for line in told().values()} == {device["id"]}
    assert {line["dnsfilter"]["group"] for line in told().values()} == {"corporate"}
    assert told()["ech"]["dnsfilter"]["rule"] == KINDS["ech"]


def shown(configuration: tuple[str, ...]) -> str:
    """Return what `devices show` prints of the one device."""
    listed = [json.loads(line)["id"] for line in command("devices", "--json", *configuration).stdout.splitlines()]
    return command("devices", "show", listed[0], "--json", *configuration).stdout if listed else ""
