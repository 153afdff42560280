"""Response policy zones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.rpz import parse_rpz
from dnsfilter.errors import InputError
from dnsfilter.names import canonical

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
    parsed = parse_rpz(HEADER + record, "f")
    kinds = ("suffixes", "exacts", "below", "passed_suffixes", "passed_exacts", "passed_below")
    assert {name: getattr(parsed, name) for name in kinds if getattr(parsed, name)} == {kind: ["a.example"]}
    assert parsed.problems == ()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("a.example A 192.0.2.1", "local data (A)"),
        ("a.example CNAME garden.example.", "action CNAME 'garden.example.'"),
        ("a.example CNAME rpz-tcp-only.", "rpz-tcp-only"),
        ("24.0.2.0.192.rpz-ip CNAME .", "trigger rpz-ip"),
        ("24.0.2.0.192.rpz-client-ip CNAME .", "trigger rpz-client-ip"),
        ("32.1.2.0.192.rpz-nsip CNAME .", "trigger rpz-nsip"),
        ("ns.a.example.rpz-nsdname CNAME .", "trigger rpz-nsdname"),
        ("24.0.2.0.192.rpz-ip.rpz.local. CNAME .", "trigger rpz-ip"),
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
    parsed = parse_rpz(f"{HEADER}good.example CNAME .\n{record}", "f")
    assert parsed.exacts == ["good.example"]
    assert [problem.line for problem in parsed.problems] == [9]
    assert reason in parsed.problems[0].message


def test_an_inherited_owner():
    """A line that begins with a blank goes on with the last owner, also after a plain line."""
    parsed = parse_rpz(f"{HEADER}a.example CNAME .\n  A 192.0.2.1\nb.example CNAME .", "f")
    assert parsed.exacts == ["a.example", "b.example"]
    assert "'a.example': local data (A)" in parsed.problems[0].message


def test_a_transferred_zone():
    """A zone dump without directives takes its name from the SOA."""
    text = "rpz.x. 60 IN SOA a. b. 1 2 3 4 5\nrpz.x. 60 IN NS a.\na.example.rpz.x. 60 IN CNAME .\n"
    assert parse_rpz(text, "f").exacts == ["a.example"]


def test_a_zone_without_a_name():
    """Without $ORIGIN and SOA owners are the triggers themselves."""
    assert parse_rpz("a.example CNAME .\nb.example. CNAME .\n", "f").exacts == ["a.example", "b.example"]


PIECES = [*'a.*-@$();" \n\t', "a.example", "\n", " CNAME .", " CNAME *.", "\n$ORIGIN ", " SOA ", ".rpz-ip"]


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_any_text_is_parsed_or_refused(text):
    """Whatever the text, the parser returns canonical names or raises InputError."""
    try:
        parsed = parse_rpz(text, "f")
    except InputError:
        return
    assert all(canonical(name) == name for name in parsed.exacts + parsed.below)
