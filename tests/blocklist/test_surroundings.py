"""What must stay reachable."""

from dnsfilter.blocklist.suffixes import PublicSuffixes
from dnsfilter.blocklist.surroundings import describe_surroundings
from dnsfilter.config import parse_configuration
from dnsfilter.model import Grade, Match, Role, Rule

SETTINGS = """\
upstreams:
  - {servers: ["tls://192.0.2.1#dns.example", "https://doh.example:8443/dns-query"]}
  - {domains: [corp.example], servers: [192.0.2.2]}
records: ["Intranet.example. 300 A 192.0.2.3"]
blocklists: [{name: extra, url: "https://lists.example/x.txt"}]
"""


def rule(match: Match, text: str) -> Rule:
    """Return a rule of no particular list."""
    return Rule("list", "app", match, text, Role.INFRA, Grade.NONE)


def test_gathers_from_configuration_and_lists():
    """Own domains and records, upstreams, subscriptions and apps are protected; what never-block lists is freed."""
    found = describe_surroundings(
        PublicSuffixes({}, {}, frozenset()),
        parse_configuration(SETTINGS, "f"),
        [rule(Match.SUFFIX, "cdn.example")],
        [rule(Match.SUFFIX, "mail.example"), rule(Match.EXACT, "meet.example"), rule(Match.PATTERN, "a*.b.example")],
    )
    assert {name: each.covers_below for name, each in found.protected.items()} == {
        "corp.example": True,
        "dns.example": False,
        "doh.example": False,
        "intranet.example": False,
        "lists.example": False,
        "mail.example": True,
        "meet.example": False,
    }
    assert set(found.freed) == {"cdn.example"}
