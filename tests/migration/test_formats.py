"""Realistic configurations of other resolvers: ours, made of them, loads, and answers as they do; losses have lines."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsfilter.cli import cli
from dnsfilter.config import parse_configuration
from dnsfilter.errors import InputError
from dnsfilter.migration.formats import CONVERTERS, convert
from dnsfilter.model import Client, DnsAction
from dnsfilter.policy.engine import Engine
from dnsfilter.process.publisher import compile_all

UNBOUND = """\
# /etc/unbound/unbound.conf
server:
    interface: 0.0.0.0
    interface: 192.0.2.1@5353
    access-control: 10.0.0.0/8 allow
    access-control: 0.0.0.0/0 refuse
    access-control: 10.9.0.0/16 deny
    num-threads: 4
    private-address: 10.0.0.0/8
    private-domain: "corp.example"
    local-zone: "ads.example." always_nxdomain   # blocked
    local-zone: "corp.example." static
    local-data: "www.corp.example. 600 IN A 10.1.2.3"
    local-data: 'txt.corp.example. TXT "a # b"'
forward-zone:
    name: "."
    forward-tls-upstream: yes
    forward-addr: 192.0.2.53@853#dns.example
    forward-addr: 2001:db8::53@853#dns.example
forward-zone:
    name: "partner.example"
    forward-addr: 192.0.2.99@5300
    forward-host: ns.partner.example
rpz:
    name: rpz.lists.example
    url: https://lists.example/rpz.zone
    rpz-action-override: nxdomain
remote-control:
    control-enable: yes
"""
BIND = """\
// /etc/bind/named.conf
acl office { 10.0.0.0/8; 192.168.7.0/24; !10.9.0.0/16; };
options {
    directory "/var/cache/bind";
    listen-on port 5353 { 127.0.0.1; 192.0.2.1; };   /* not
    everywhere */
    allow-query { office; localhost; };
    forwarders { 192.0.2.53; 192.0.2.54 port 5300; };
    response-policy { zone "rpz.local"; };
    max-cache-size 90%;
};
zone "partner.example" { type forward; forwarders { 192.0.2.99; }; };
zone "rpz.local" { type primary; file "/etc/bind/db.rpz"; };
zone "corp.example" { type primary; file "/etc/bind/db.corp"; };
# logging
logging { category default { null; }; };
"""
DNSMASQ = """\
# /etc/dnsmasq.conf
no-resolv
server=192.0.2.53
server=192.0.2.54#5300
server=/partner.example/192.0.2.99
address=/ads.example/0.0.0.0
address=/printer.corp.example/10.1.2.9
host-record=www.corp.example,10.1.2.3,2001:db8::3
cname=intranet.corp.example,www.corp.example
listen-address=127.0.0.1,192.0.2.1
dhcp-range=10.0.0.50,10.0.0.150,12h
"""
ADGUARD = """\
dns:
  bind_hosts: [127.0.0.1]
  port: 5353
  upstream_dns:
    - 192.0.2.53
    - '[/partner.example/]192.0.2.99:5300'
    - tls://dns.example
  allowed_clients: [10.0.0.0/8]
  cache_size: 4194304
filtering:
  rewrites:
    - {domain: www.corp.example, answer: 10.1.2.3}
    - {domain: intranet.corp.example, answer: www.corp.example}
filters:
  - {enabled: true, url: https://lists.example/filter.txt, name: "AdGuard DNS filter", id: 1}
  - {enabled: false, url: https://lists.example/off.txt, name: off, id: 2}
user_rules:
  - '||ads.example^'
  - '@@||press.example^'
  - '/banner[0-9]/'
users: [{name: admin}]
"""
PIHOLE = """\
PIHOLE_INTERFACE=eth0
PIHOLE_DNS_1=192.0.2.53
PIHOLE_DNS_2=192.0.2.54#5300
DNSSEC=true
https://lists.example/hosts.txt
10.1.2.3 www.corp.example
"""
PIHOLE_6 = """\
[dns]
  upstreams = [ "192.0.2.53", "192.0.2.54#5300" ]
  hosts = [ "10.1.2.3 www.corp.example" ]
  blockTTL = 2
[webserver]
  port = "80"
"""
FILES = {"unbound": UNBOUND, "bind": BIND, "dnsmasq": DNSMASQ, "adguard": ADGUARD, "pihole": PIHOLE}
LOSSES = {
    "unbound": {
        7: "10.9.0.0/16",
        8: "num-threads",
        23: "forward-host",
        27: "rpz-action-override",
        29: "control-enable",
    },
    "bind": {2: "10.9.0.0/16", 10: "max-cache-size", 14: "corp.example", 16: "logging"},
    "dnsmasq": {11: "dhcp-range"},
    "adguard": {7: "tls://dns.example", 9: "cache_size", 20: "/banner", 21: "users"},
    "pihole": {4: "DNSSEC"},
}
EXPECTED: dict[str, dict[str, Any]] = {
    "unbound": {
        "listen": {"dns": ["0.0.0.0:53", "192.0.2.1:5353"]},
        "allow_clients": ["10.0.0.0/8"],
        "upstreams": [
            {"servers": ["tls://192.0.2.53:853#dns.example", "tls://[2001:db8::53]:853#dns.example"]},
            {"servers": ["192.0.2.99:5300"], "domains": ["partner.example"]},
        ],
        "rebinding": {"protect": True, "networks": ["10.0.0.0/8"], "allow": ["corp.example"]},
    },
    "bind": {
        "listen": {"dns": ["127.0.0.1:5353", "192.0.2.1:5353"]},
        "allow_clients": ["10.0.0.0/8", "192.168.7.0/24", "127.0.0.0/8", "::1/128"],
        "upstreams": [
            {"servers": ["192.0.2.53", "192.0.2.54:5300"]},
            {"servers": ["192.0.2.99"], "domains": ["partner.example"]},
        ],
        "blocklists": [{"name": "rpz-local", "file": "/etc/bind/db.rpz", "format": "rpz"}],
    },
    "dnsmasq": {
        "listen": {"dns": ["127.0.0.1:53", "192.0.2.1:53"]},
        "upstreams": [
            {"servers": ["192.0.2.53", "192.0.2.54:5300"]},
            {"servers": ["192.0.2.99"], "domains": ["partner.example"]},
        ],
    },
    "adguard": {
        "listen": {"dns": ["127.0.0.1:5353"]},
        "allow_clients": ["10.0.0.0/8"],
        "upstreams": [{"servers": ["192.0.2.53"]}, {"servers": ["192.0.2.99:5300"], "domains": ["partner.example"]}],
        "allow": [{"name": "press.example", "reason": "rule of AdGuard Home"}],
    },
    "pihole": {"upstreams": [{"servers": ["192.0.2.53", "192.0.2.54:5300"]}]},
}


@pytest.mark.parametrize("program", FILES)
def test_sections(program: str) -> None:
    """What corresponds to something of ours comes over, value by value."""
    made = yaml.safe_load(convert(FILES[program], "f", program).to_yaml("names.txt"))
    assert {key: made.get(key) for key in EXPECTED[program]} == EXPECTED[program]


@pytest.mark.parametrize("program", FILES)
def test_losses_have_lines(program: str) -> None:
    """What does not is named with its file and line, and nothing else is."""
    losses = convert(FILES[program], "f.conf", program).losses
    assert {loss.line: True for loss in losses} == dict.fromkeys(LOSSES[program], True)
    for loss in losses:
        assert LOSSES[program][loss.line] in loss.message
        assert str(loss).startswith(f"f.conf:{loss.line}: not converted: ")


@pytest.mark.parametrize("program", [name for name in FILES if name != "bind"])
def test_result_runs(program: str, tmp_path: Path) -> None:
    """The command's output compiles, blocks the name that was blocked and answers the one that was local data."""
    file, output = tmp_path / "their.conf", tmp_path / "dnsfilter.yaml"
    file.write_text(FILES[program])
    done = CliRunner().invoke(cli, ["convert", str(file), "--from", program, "-o", str(output)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == len(LOSSES[program])
    configuration, lists, _ = compile_all(output)
    assert "www.corp.example" in {record.split()[0].rstrip(".") for record in configuration.records}
    view = Engine(configuration, lists).view(Client(), 2e9)
    if program != "pihole":
        assert view.decide("x.ads.example").dns is DnsAction.SINKHOLE
    assert view.decide("www.example").dns is DnsAction.RESOLVE


def test_pihole_6() -> None:
    """The newer Pi-hole's one file comes over, too."""
    converted = convert(PIHOLE_6, "pihole.toml", "pihole")
    made = yaml.safe_load(converted.to_yaml("names.txt"))
    assert made["upstreams"] == [{"servers": ["192.0.2.53", "192.0.2.54:5300"]}]
    assert made["records"] == ["www.corp.example. 300 A 10.1.2.3"]
    assert [(loss.line, loss.message) for loss in converted.losses] == [
        (4, "not converted: dns.blockTTL"),
        (5, "not converted: webserver"),
    ]


def test_all_is_converted(tmp_path: Path) -> None:
    """Where nothing is lost the status is 0 and the configuration goes to standard output."""
    file = tmp_path / "dnsmasq.conf"
    file.write_text("server=192.0.2.53\n")
    done = CliRunner().invoke(cli, ["convert", str(file), "--from", "dnsmasq"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert parse_configuration(done.stdout, "stdout").upstreams[0].servers[0].text == "192.0.2.53"


PIECES = [*"{};=/#@:,.\n\t\"' ", "server", "address=", "zone", "dns:", "192.0.2.1", "a.example", "local-data:", "::"]


@pytest.mark.parametrize("program", CONVERTERS)
@settings(max_examples=60)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_whatever_comes(program: str, text: str) -> None:
    """Any text gives a configuration that can be read, or InputError, and nothing else."""
    try:
        made = convert(text, "f", program).to_yaml("names.txt")
    except InputError:
        return
    with contextlib.suppress(InputError):  # a listener that no machine has, a port that there is not
        parse_configuration(made, "made")
