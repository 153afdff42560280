"""Special-use names (RFC 6761, 6303, 7686, 8375): answered here, unless the configuration says where they go."""

from pathlib import Path

import pytest

from dnsfilter.model import Client, DnsAction
from dnsfilter.policy.engine import Engine
from dnsfilter.process.publisher import compile_all

PLAIN = "upstreams: [{servers: [192.0.2.53]}]"
ROUTED = """
upstreams:
  - servers: [192.0.2.53]
  - {domains: [20.10.in-addr.arpa, lab.test, 168.192.in-addr.arpa, ip6.arpa], servers: [192.0.2.54]}
records: ["5.0.0.127.in-addr.arpa. 300 PTR five.corp.example."]
"""


@pytest.mark.parametrize(
    ("name", "plain", "routed"),
    [
        ("www.test", DnsAction.NXDOMAIN, DnsAction.NXDOMAIN),
        ("a.lab.test", DnsAction.NXDOMAIN, DnsAction.RESOLVE),
        ("secret.onion", DnsAction.NXDOMAIN, DnsAction.NXDOMAIN),
        ("printer.home.arpa", DnsAction.NXDOMAIN, DnsAction.NXDOMAIN),
        ("localhost", DnsAction.RESOLVE, DnsAction.RESOLVE),
        ("a.localhost", DnsAction.RESOLVE, DnsAction.RESOLVE),
        ("4.3.20.10.in-addr.arpa", DnsAction.NXDOMAIN, DnsAction.RESOLVE),
        ("4.3.21.10.in-addr.arpa", DnsAction.NXDOMAIN, DnsAction.NXDOMAIN),
        ("1.1.168.192.in-addr.arpa", DnsAction.NXDOMAIN, DnsAction.RESOLVE),
        ("5.0.0.127.in-addr.arpa", DnsAction.NXDOMAIN, DnsAction.RESOLVE),
        ("6.0.0.127.in-addr.arpa", DnsAction.NXDOMAIN, DnsAction.NXDOMAIN),
        ("1.d.f.ip6.arpa", DnsAction.NXDOMAIN, DnsAction.RESOLVE),
        ("4.3.2.172.in-addr.arpa", DnsAction.RESOLVE, DnsAction.RESOLVE),
        ("test.example", DnsAction.RESOLVE, DnsAction.RESOLVE),
    ],
)
def test_special_use_names(tmp_path: Path, name: str, plain: DnsAction, routed: DnsAction) -> None:
    """Each name is answered here or goes out; a route or a record of one's own takes it back."""
    for text, expected in ((PLAIN, plain), (ROUTED, routed)):
        (tmp_path / "dnsfilter.yaml").write_text(text)
        configuration, lists, _ = compile_all(tmp_path / "dnsfilter.yaml")
        engine = Engine(configuration, lists)
        assert engine.view(Client(), 0.0).decide(name).dns is expected
