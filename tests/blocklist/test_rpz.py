"""Response policy zones."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist import rpz
from dnsfilter.blocklist.rpz import parse_rpz
from dnsfilter.errors import InputError
from dnsfilter.model import DnsAction, Grade, ListFormat, Match
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
        ("a.example CNAME . ; why (not", "exacts"),
        ("*.a.example 60 IN AAAA ::", "below"),
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
        ("a.example CNAME rpz-tcp-only.", "rpz-tcp-only"),
        ("a.example CNAME rpz-passthru", "action CNAME 'rpz-passthru' is not supported"),
        ("a.example CNAME *.garden.example.", "action CNAME '*.garden.example.'"),
        ("a.example CNAME", "leads to one name"),
        ("a.example A 192.0.2", "Expected 4 octets"),
        ("a.example AAAA 192.0.2.1", "At least 3 parts"),
        ("a.example NS ns.example.", "local data (NS)"),
        ("a.example MX mail.example.", "no record that can be read"),
        ("a.example NONSENSE x", "local data (NONSENSE) is not supported"),
        ("33.0.2.0.192.rpz-ip CNAME .", "does not appear to be"),
        ("24.1.2.0.192.rpz-ip CNAME .", "has host bits set"),
        ("24.1.2.0.192.rpz-client-ip CNAME .", "has host bits set"),
        ("x.rpz-client-ip CNAME .", "x.rpz-client-ip"),
        ("$TTL", "$ttl"),
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


NETWORKS = [
    ("24.0.2.0.192", "192.0.2.0/24"),
    ("32.1.2.0.192", "192.0.2.1/32"),
    ("0.0.0.0.0", "0.0.0.0/0"),
    ("48.zz.db8.2001", "2001:db8::/48"),
    ("128.1.zz.db8.2001", "2001:db8::1/128"),
    ("128.8.7.6.5.4.3.db8.2001", "2001:db8:3:4:5:6:7:8/128"),
    ("128.1.zz", "::1/128"),
    ("0.zz", "::/0"),
]


@pytest.mark.parametrize(("trigger", "network"), NETWORKS)
def test_ip_triggers(trigger, network):
    """An address that answers lead to is listed for the policy to answer, passed, or answered with data."""
    text = f"{HEADER}good.example CNAME .\n{trigger}.rpz-ip CNAME *.\n{trigger}.rpz-ip.rpz.local. CNAME rpz-passthru.\n"
    parsed = parse_rpz(f"{text}{trigger}.rpz-ip A 192.0.2.9", "f", LIST)
    assert parsed.problems == ()
    assert {(rule.match, rule.text, rule.app) for rule in parsed.rules} == {(Match.NETWORK, network, "list")}
    assert [(rule.answer, rule.passthru) for rule in parsed.rules] == [(None, False), (None, True), ("sinkhole", False)]
    assert parsed.rules[2].data == ("7200 A 192.0.2.9",)
    assert parsed.rule_lines == (9, 10, 11)


@pytest.mark.parametrize(("trigger", "network"), NETWORKS)
@pytest.mark.parametrize(
    ("action", "answer", "data"),
    [
        ("CNAME .", DnsAction.NXDOMAIN, ()),
        ("CNAME *.", DnsAction.NODATA, ()),
        ("CNAME rpz-drop.", DnsAction.DROP, ()),
        ("CNAME rpz-passthru.", None, ()),
        ("60 CNAME garden.example.", DnsAction.SINKHOLE, ("60 CNAME garden.example.",)),
        ("A 127.0.0.1", DnsAction.SINKHOLE, ("7200 A 127.0.0.1",)),
    ],
)
def test_client_ip_triggers(trigger, network, action, answer, data):
    """Who asks from an address gets what the zone gives, and it proves nothing, whatever the grade of the list."""
    listed = LIST.model_copy(update={"grade": Grade.STRONG})
    (rule,) = parse_rpz(f"{HEADER}{trigger}.rpz-client-ip {action}", "f", listed).rules
    assert (rule.match, rule.text, rule.answer, rule.data) == (Match.CLIENT, network, answer, data)
    assert (rule.passthru, rule.grade) == (answer is None, Grade.NONE)


@pytest.mark.parametrize(
    ("record", "match", "data"),
    [
        ("a.example A 192.0.2.1", Match.EXACT, ("7200 A 192.0.2.1",)),
        ("a.example 1m IN AAAA 2001:DB8::1", Match.EXACT, ("60 AAAA 2001:db8::1",)),
        (
            'a.example A 192.0.2.1\n TXT "Ask; (us)" two\n',
            Match.EXACT,
            ("7200 A 192.0.2.1", '7200 TXT "Ask; (us)" two'),
        ),
        ("*.a.example MX 10 mail\n", Match.BELOW, ("7200 MX 10 mail.rpz.local.",)),
        ("*.a.example CNAME A.example.", Match.BELOW, ("7200 CNAME a.example.",)),
        ("$TTL 1h30m\na.example CNAME garden.example.", Match.EXACT, ("5400 CNAME garden.example.",)),
        ("a.example 9999999999 SRV 1 2 3 Host.example.", Match.EXACT, ("2147483647 SRV 1 2 3 host.example.",)),
    ],
)
def test_local_data(record, match, data):
    """Records are kept as written, names in them made absolute, all those of a trigger together."""
    parsed = parse_rpz(HEADER + record, "f", LIST)
    assert parsed.problems == ()
    (rule,) = parsed.rules
    assert (rule.match, rule.text, rule.answer, rule.data) == (match, "a.example", DnsAction.SINKHOLE, data)
    assert not any(parsed.names.values())


def test_local_data_without_end(monkeypatch):
    """Neither can one trigger have data without end, nor a zone triggers that each take a rule."""
    parsed = parse_rpz(HEADER + "a.example A 192.0.2.1\n" * 101, "f", LIST)
    assert [problem.message for problem in parsed.problems] == ["'a.example' has more than 100 records"]
    monkeypatch.setattr(rpz, "MAX_RULES", 2)
    parsed = parse_rpz(HEADER + "".join(f"a{index}.example A 192.0.2.1\n" for index in range(3)), "f", LIST)
    assert [problem.line for problem in parsed.problems] == [10]
    assert "more than 2 triggers" in parsed.problems[0].message


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::1"])
def test_addresses_that_lead_nowhere(address):
    """Local data that is no address of anybody lists the name, as other servers' blocklists mean it."""
    kind = "AAAA" if ":" in address else "A"
    assert parse_rpz(f"{HEADER}a.example {kind} {address}", "f", LIST).exacts == ["a.example"]


def test_an_inherited_owner():
    """A line that begins with a blank goes on with the last owner, also after a plain line."""
    parsed = parse_rpz(f"{HEADER}a.example CNAME .\n  A 192.0.2.1\nb.example CNAME .", "f", LIST)
    assert parsed.exacts == ["a.example", "b.example"]
    assert [(rule.text, rule.data) for rule in parsed.rules] == [("a.example", ("7200 A 192.0.2.1",))]


def test_a_transferred_zone():
    """A zone dump without directives takes its name from the SOA."""
    text = "rpz.x. 60 IN SOA a. b. 1 2 3 4 5\nrpz.x. 60 IN NS a.\na.example.rpz.x. 60 IN CNAME .\n"
    assert parse_rpz(text, "f", LIST).exacts == ["a.example"]


def test_names_that_are_relative_to_the_root():
    """`$ORIGIN .`, as servers begin the zones that they write, is an origin like any other."""
    text = (
        "$ORIGIN .\nrpz.x IN SOA a. b. 1 2 3 4 5\n\tNS a.\na.example.rpz.x CNAME .\nc.example.rpz.x CNAME d.example\n"
    )
    parsed = parse_rpz(f"{text}$ORIGIN example.rpz.x.\nb\tCNAME .\n*.b\tCNAME .\n", "f", LIST)
    assert (parsed.exacts, parsed.below, parsed.problems) == (["a.example", "b.example"], ["b.example"], ())
    assert [rule.data for rule in parsed.rules] == [("60 CNAME d.example.",)]


def test_a_zone_without_a_name():
    """Without $ORIGIN and SOA owners are the triggers themselves."""
    assert parse_rpz("a.example CNAME .\nb.example. CNAME .\n", "f", LIST).exacts == ["a.example", "b.example"]


OWNERS = ["a.example", "*.a.example", "A.Example.RPZ.local.", "b.example.", "_x.example", "a..b", "*.com", "x.rpz-ip"]
OWNERS += ["32.1.0.0.10.rpz-ip", "32.1.0.0.10.rpz-client-ip", "rpz-ip.example"]
MIDDLES = ["", " 60", "\tIN", " 60 IN"]
ACTIONS = [" CNAME .", " A 0.0.0.0", " AAAA ::", " CNAME . ;c", " A 0.0.0.0;(", " AAAA ::1", " CNAME . x", " CNAME . )"]


@given(st.sampled_from(["", HEADER]), st.sampled_from(OWNERS), st.sampled_from(MIDDLES), st.sampled_from(ACTIONS))
def test_common_lines_mean_what_reading_them_with_care_says(head, owner, middle, action):
    """The expression that reads common lines at once changes nothing but the time it takes."""

    def read():
        try:
            parsed = parse_rpz(f"{head}{owner}{middle}{action}\n", "f", LIST)
        except InputError as error:
            return str(error)
        return parsed.names, parsed.rules, parsed.problems

    with pytest.MonkeyPatch.context() as patch:
        quickly = read()
        patch.setattr(rpz._Zone, "_compile_plain", lambda _: re.compile("(?!)"))
        assert read() == quickly


PIECES = [
    *'a.*-@$();" \n\t',
    "a.example",
    "\n",
    " CNAME .",
    " CNAME *.",
    "\n$ORIGIN ",
    " SOA ",
    ".rpz-ip",
    ".rpz-client-ip",
    " TXT ",
    " A 192.0.2.1",
    "$TTL ",
]


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_any_text_is_parsed_or_refused(text):
    """Whatever the text, the parser returns canonical names or raises InputError."""
    try:
        parsed = parse_rpz(text, "f", LIST)
    except InputError:
        return
    assert all(canonical(name) == name for name in parsed.exacts + parsed.below)
