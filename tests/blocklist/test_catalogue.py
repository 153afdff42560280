"""The catalogue syntax."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.catalogue import parse_catalogue
from dnsfilter.errors import InputError
from dnsfilter.model import DnsAction, Grade, Match, Role, Rule
from dnsfilter.settings.order import Blocklist

LIST = Blocklist(name="own", file="own.yaml")

EVERYTHING = """\
app: video
title: Video
entries:
  - {suffix: Video.Example., role: web, grade: weak, source: "a list", why: "website"}
  - {exact: t.video.example, role: pixel, grade: none}
  - {pattern: "api*.video.example", role: app-api, grade: strong}
  - {exact: canary.example, role: canary, grade: none, answer: nxdomain}
  - {suffix: press.video.example, passthru: true}
networks:
  - {cidr: 192.0.2.0/24, source: "AS64496", note: "all products"}
  - {cidr: "2001:db8::1", role: cdn-media, grade: weak}
"""


def rule(match, text, role, grade, answer=None, *, passthru=False):
    return Rule("own", "video", match, text, role, grade, answer, passthru)


def test_everything():
    """Every kind of entry becomes the rule it says, names canonical, in order."""
    parsed = parse_catalogue(EVERYTHING, "own.yaml", LIST)
    assert parsed.app == "video"
    assert parsed.problems == ()
    assert parsed.rules == (
        rule(Match.SUFFIX, "video.example", Role.WEB, Grade.WEAK),
        rule(Match.EXACT, "t.video.example", Role.PIXEL, Grade.NONE),
        rule(Match.PATTERN, "api*.video.example", Role.APP_API, Grade.STRONG),
        rule(Match.EXACT, "canary.example", Role.CANARY, Grade.NONE, DnsAction.NXDOMAIN),
        rule(Match.SUFFIX, "press.video.example", Role.INFRA, Grade.NONE, passthru=True),
        rule(Match.NETWORK, "192.0.2.0/24", Role.INFRA, Grade.NONE),
        rule(Match.NETWORK, "2001:db8::1/128", Role.CDN_MEDIA, Grade.WEAK),
    )


def test_defaults_of_the_whole_catalogue():
    """What stands at the top holds for entries that say nothing, and only for them."""
    text = (
        "app: video\nrole: web\ngrade: weak\npassthru: true\nentries:\n"
        " - {suffix: a.example}\n - {suffix: b.example, role: ads, grade: none, passthru: false}\n"
    )
    assert parse_catalogue(text, "f", LIST).rules == (
        rule(Match.SUFFIX, "a.example", Role.WEB, Grade.WEAK, passthru=True),
        rule(Match.SUFFIX, "b.example", Role.ADS, Grade.NONE),
    )


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{suffix: com}", "entries[1].suffix: 'com' covers a whole top-level domain: too broad"),
        ("{suffix: a..b}", "entries[1].suffix: 'a..b' has an empty label"),
        ("{exact: ''}", "entries[1].exact: '' a name has at least one label"),
        ("{pattern: a.example}", "entries[1].pattern: 'a.example' has no '*'"),
        ("{pattern: '*.com'}", "entries[1].pattern: '*.com' must end in at least two labels without '*'"),
        ("{suffix: a.example, exact: a.example}", "entries[1]: needs one of suffix, exact and pattern"),
        ("{role: web}", "entries[1]: needs one of suffix, exact and pattern"),
        ("{suffix: a.example, role: boss}", "entries[1].role: 'boss': input should be 'app-api', "),
        ("{suffix: a.example, grade: certain}", "entries[1].grade: 'certain': input should be 'strong', "),
        ("{suffix: a.example, answer: resolve}", "entries[1].answer: 'resolve': input should be 'sinkhole', "),
        ("{suffix: a.example, sufix: b.example}", "entries[1].sufix: unknown key (value 'b.example')"),
        ("{suffix: good.example}", "entries[1].suffix: 'good.example' is listed already on line 3"),
        ("a.example", "entries[1]: 'a.example': must be a mapping of keys"),
    ],
)
def test_a_wrong_entry(entry, problem):
    """The error names file, line, key and value."""
    with pytest.raises(InputError) as refusal:
        parse_catalogue(f"app: video\nentries:\n  - {{suffix: good.example}}\n  - {entry}\n", "own.yaml", LIST)
    assert str(refusal.value).startswith(f"own.yaml:4: {problem}")
    assert len(refusal.value.problems) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f:1: must be a mapping"),
        ("- a.example", "f:1: must be a mapping"),
        ("entries: []", "f:1: app: is required"),
        ("app: video\nentries:\n", "f:2: entries: None: must be a list"),
        ("app: video\nnetworks: [{cidr: 192.0.2.1/24}]", "f:2: networks[0].cidr: '192.0.2.1/24': "),
        ("app: video\nentries: [", "f:"),
        ("app: V!deo", "f:1: app: 'V!deo': "),
    ],
)
def test_a_wrong_catalogue(text, problem):
    """Errors above the entries have a place too."""
    with pytest.raises(InputError) as refusal:
        parse_catalogue(text, "f", LIST)
    assert str(refusal.value).startswith(problem)


def test_all_errors_at_once():
    """A catalogue with errors is refused as a whole, with every error, by line."""
    text = (
        "app: video\nentries:\n - {suffix: com}\n - {suffix: good.example}\n - {exact: a..b}\nnetworks:\n - {cidr: x}\n"
    )
    with pytest.raises(InputError) as refusal:
        parse_catalogue(text, "f", LIST)
    assert [problem.line for problem in refusal.value.problems] == [3, 5, 7]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["suffix", "exact", "role"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["app", "entries", "networks", "role", "passthru", "x"]), JSON) | JSON)
def test_any_document_is_parsed_or_refused(data):
    """Whatever the YAML holds, the parser returns rules or raises InputError with a place."""
    try:
        problems = parse_catalogue(yaml.safe_dump(data), "f", LIST).problems
    except InputError as error:
        problems = error.problems
    assert all(problem.line for problem in problems)
