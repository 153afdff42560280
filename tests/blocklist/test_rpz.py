"""Response policy zones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.rpz import parse_rpz
from dnsfilter.errors import InputError
from dnsfilter.model import ListFormat, Match
from dnsfilter.names import canonical
from dnsfilter.settings.order import Blocklist

LIST = Blocklist(name="list", file="f", format=ListFormat.RPZ)
HEADER = """\
$TTL 2h ; default
$ORIGIN rpz.local.
@ IN SOA ns.rpz.local. hostmaster.rpz.local. ( 1 ; serial
      3600 600
      86400 60 )
  NS localhost.
@ TXT "a ; b ( c"
"""


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ("a.example CNAME .", "exacts"),
        ("a.example 60 IN CNAME .", "exacts"),
        ("a.example IN 60 CNAME .", "exacts"),
        ("A.Example.RPZ.local. 1h CNAME . ; why", "exacts"),
        ("a.example CNAME *.", "exacts"),
        ("a.example CNAME rpz-drop.", "exacts"),
        ("a.example ( CNAME\n . )", "exacts"),
        ("*.a.example CNAME .", "below"),
        ("*.a.example.rpz.local. CNAME *.", "below"),
        ("a.example CNAME rpz-passthru.", "passed_exacts"),
        ("a.example CNAME a.example.", "passed_exacts"),
        ("*.a.example CNAME rpz-passthru.", "passed_below"),
        ("$ORIGIN example.rpz.local.\na CNAME .", "exacts"),
        ("$ORIGIN example\n*.a CNAME .", "below"),
    ],
)
def test_triggers_and_actions(record, kind):
    """QNAME triggers list or free just the name, wildcards what is below it, relative to the zone."""
    parsed = parse_rpz(HEADER + record, "f", LIST)
    kinds = ("suffixes", "exacts", "below", "passed_suffixes", "passed_exacts", "passed_below")
    assert {name: getattr(parsed, name) for name in kinds if getattr(parsed, name)} == {kind: ["a.example"]}
    assert parsed.problems == ()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("a.example A 192.0.2.1", "local data (A)"),
        ("a.example CNAME garden.example.", "action CNAME 'garden.example.'"),
        ("a.example CNAME rpz-tcp-only.", "rpz-tcp-only"),
        ("33.0.2.0.192.rpz-ip CNAME .", "does not appear to be"),
        ("24.1.2.0.192.rpz-ip CNAME .", "has host bits set"),
        ("24.0.2.0.192.rpz-ip A 192.0.2.1", "an address can be listed or passed"),
        ("24.0.2.0.192.rpz-client-ip CNAME .", "rpz-client-ip is not supported: who asks is a matter of groups"),
        ("32.1.2.0.192.rpz-nsip CNAME .", "trigger rpz-nsip"),
        ("ns.a.example.rpz-nsdname CNAME .", "trigger rpz-nsdname"),
        ("x.rpz-ip.rpz.local. CNAME .", "x.rpz-ip"),
        ("a.example. CNAME .", "outside the zone"),
        ("com CNAME .", "too broad"),
        ("$INCLUDE other.zone", "$include"),
        ("a.example )", "parentheses"),
        ("a.example (", "never closed"),
        ("a.example 60", "without a type"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(record, reason):
    """Other triggers, actions and directives are problems, at the line they begin on."""
    parsed = parse_rpz(f"{HEADER}good.example CNAME .\n{record}", "f", LIST)
    assert parsed.exacts == ["good.example"]
    assert [problem.line for problem in parsed.problems] == [9]
    assert reason in parsed.problems[0].message


@pytest.mark.parametrize(
    ("record", "network", "passthru"),
    [
        ("24.0.2.0.192.rpz-ip CNAME .", "192.0.2.0/24", False),
        ("32.1.2.0.192.rpz-ip.rpz.local. 60 IN CNAME *.", "192.0.2.1/32", False),
        ("48.zz.db8.2001.rpz-ip CNAME rpz-drop.", "2001:db8::/48", False),
        ("128.1.zz.db8.2001.rpz-ip CNAME rpz-passthru.", "2001:db8::1/128", True),
        ("128.8.7.6.5.4.3.db8.2001.rpz-ip CNAME .", "2001:db8:3:4:5:6:7:8/128", False),
        ("128.1.zz.rpz-ip CNAME .", "::1/128", False),
    ],
)
def test_ip_triggers(record, network, passthru):
    """An address that answers lead to is listed or passed, with the list's own properties and its line."""
    parsed = parse_rpz(f"{HEADER}good.example CNAME .\n{record}", "f", LIST)
    assert parsed.problems == ()
    (rule,) = parsed.rules
    assert (rule.match, rule.text, rule.passthru, rule.app) == (Match.NETWORK, network, passthru, "list")
    assert parsed.rule_lines == (9,)


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::1"])
def test_addresses_that_lead_nowhere(address):
    """Local data that is no address of anybody lists the name, as other servers' blocklists mean it."""
    kind = "AAAA" if ":" in address else "A"
    assert parse_rpz(f"{HEADER}a.example {kind} {address}", "f", LIST).exacts == ["a.example"]


def test_an_inherited_owner():
    """A line that begins with a blank goes on with the last owner, also after a plain line."""
    parsed = parse_rpz(f"{HEADER}a.example CNAME .\n  A 192.0.2.1\nb.example CNAME .", "f", LIST)
    assert parsed.exacts == ["a.example", "b.example"]
    assert "'a.example': local data (A)" in parsed.problems[0].message


def test_a_transferred_zone():
    """A zone dump without directives takes its name from the SOA."""
    text = "rpz.x. 60 IN SOA a. b. 1 2 3 4 5\nrpz.x. 60 IN NS a.\na.example.rpz.x. 60 IN CNAME .\n"
    assert parse_rpz(text, "f", LIST).exacts == ["a.example"]


def test_a_zone_without_a_name():
    """Without $ORIGIN and SOA owners are the triggers themselves."""
    assert parse_rpz("a.example CNAME .\nb.example. CNAME .\n", "f", LIST).exacts == ["a.example", "b.example"]


PIECES = [*'a.*-@$();" \n\t', "a.example", "\n", " CNAME .", " CNAME *.", "\n$ORIGIN ", " SOA ", ".rpz-ip"]


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_any_text_is_parsed_or_refused(text):
    """Whatever the text, the parser returns canonical names or raises InputError."""
    try:
        parsed = parse_rpz(text, "f", LIST)
    except InputError:
        return
    assert all(canonical(name) == name for name in parsed.exacts + parsed.below)
