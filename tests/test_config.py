"""The configuration."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.config import SHIPPED_LISTS, Configuration, parse_configuration
from dnsfilter.errors import InputError
from dnsfilter.model import DnsAction, Grade, ListFormat, Phase, Role
from dnsfilter.settings.order import Blocklist

EVERYTHING = """\
listen:
  dns: ["127.0.0.1:5353", "[::1]:5353"]
  tls: ["127.0.0.1:8853"]
  certificate: {chain: cert.pem, key: key.pem}
workers: auto
upstreams:
  - servers: ["192.0.2.53", "tls://192.0.2.55#dns.example", "https://dns.example/dns-query"]
  - {domains: [Corp.Example., 10.in-addr.arpa], servers: ["10.0.0.53"]}
blocklists:
  - {name: tiktok, file: tiktok.yaml}
  - {name: extra, file: extra.txt, role: web, grade: weak}
  - {name: malware, url: "https://lists.example/rpz.zone", format: rpz, refresh: 6h}
allow: [{name: press.tiktok.com, reason: "press office", until: 2027-01-01, groups: [corporate]}]
groups:
  - {name: corporate, networks: [10.20.0.0/16, "2001:db8::/32"]}
  - {name: guests, flag: false}
policies:
  - name: tiktok
    blocklists: [tiktok]
    groups: [corporate]
    timezone: Europe/Brussels
    phases: {observe: 2023-02-23, enforce: 2023-03-15, quarantine: 2023-03-15}
    quarantine: {blocklists: [extra], release_after: 7d}
"""


def refuse(text):
    with pytest.raises(InputError) as refusal:
        parse_configuration(text, "c.yaml")
    return [str(problem) for problem in refusal.value.problems]


def test_everything():
    """Every section becomes typed values, names canonical."""
    configuration = parse_configuration(EVERYTHING, "c.yaml")
    assert configuration.workers == "auto"
    assert [str(endpoint) for endpoint in configuration.listen.dns] == ["127.0.0.1:5353", "[::1]:5353"]
    assert configuration.upstreams[1].domains == ("corp.example", "10.in-addr.arpa")
    assert configuration.blocklists[2].refresh == timedelta(hours=6)
    assert (configuration.blocklists[1].role, configuration.blocklists[1].grade) == (Role.WEB, Grade.WEAK)
    policy = configuration.policies[0]
    assert policy.phases[Phase.ENFORCE] == datetime(2023, 3, 15)  # noqa: DTZ001 - the policy's timezone is not applied yet
    assert policy.answer is DnsAction.SINKHOLE
    assert configuration.allow[0].groups == ("corporate",)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_nothing_is_a_configuration(text):
    """Every key has a default."""
    assert parse_configuration(text, "c.yaml") == Configuration()


def test_a_configuration_survives_json():
    """What a snapshot keeps is the same configuration."""
    configuration = parse_configuration(EVERYTHING, "c.yaml")
    assert Configuration.model_validate(configuration.model_dump(mode="json")) == configuration


@pytest.mark.parametrize(
    ("fields", "syntax"),
    [
        ({"file": "a.yaml"}, ListFormat.CATALOGUE),
        ({"file": "a.yml"}, ListFormat.CATALOGUE),
        ({"file": "a.txt"}, ListFormat.DOMAINS),
        ({"file": "a.yaml", "format": "hosts"}, ListFormat.HOSTS),
        ({"url": "https://lists.example/a.yaml"}, ListFormat.DOMAINS),
    ],
)
def test_syntax_of_a_list(fields, syntax):
    """The ending of a file tells the syntax where the configuration does not."""
    assert Blocklist(name="x", **fields).syntax is syntax


LISTS = "blocklists: [{name: q, file: x}]\n"
POLICY = LISTS + "policies: [{name: p, blocklists: [q], "


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a", "c.yaml:1: must be a mapping of keys"),
        ("a: 1", "c.yaml:1: a: unknown key (value 1)"),
        ("\nlisten: {dnss: []}", "c.yaml:2: listen.dnss: unknown key (value [])"),
        ("privacy:", "c.yaml:1: privacy: None: must be a mapping of keys"),
        ("listen: {dns: '127.0.0.1:53'}", "c.yaml:1: listen.dns: '127.0.0.1:53': must be a list"),
        ("listen:\n  dns:\n    - 127.0.0.1:70000", "c.yaml:3: listen.dns[0]: '127.0.0.1:70000' has a port outside"),
        ("listen: {tls: ['127.0.0.1:853']}", "c.yaml:1: listen: needs a certificate for tls and https"),
        ("workers: 0", "c.yaml:1: workers: 0 must be auto or 1 to 256"),
        ("workers: yes", "c.yaml:1: workers: True: input should be a valid integer"),
        ("workers: many", "c.yaml:1: workers: 'many': input should be a valid integer"),
        ("rate_limit: {burst: 0}", "c.yaml:1: rate_limit.burst: 0: input should be greater than or equal to 1"),
        ("upstreams: []", "c.yaml:1: upstreams: needs one entry without domains"),
        ("upstreams: [{servers: []}]", "c.yaml:1: upstreams[0].servers: must not be empty"),
        ("upstreams: [{servers: [dns.example]}]", "c.yaml:1: upstreams[0].servers[0]: 'dns.example' has no valid IP"),
        (
            "upstreams: [{servers: [system]}, {servers: [system], domains: [a..b]}]",
            "c.yaml:1: upstreams[1].domains[0]: 'a..b' has",
        ),
        ('records: ["a\\nb"]', "c.yaml:1: records: 'a\\nb' holds more than one line"),
        ("blocklists: [{name: a}]", "c.yaml:1: blocklists[0]: needs either file or url"),
        ("blocklists: [{name: a, file: x, url: 'http://x/y'}]", "c.yaml:1: blocklists[0]: needs either file or url"),
        (
            "blocklists: [{name: a, url: 'file:///etc/shadow'}]",
            "c.yaml:1: blocklists[0].url: 'file:///etc/shadow': string",
        ),
        (
            "blocklists: [{name: a, file: x, format: zone}]",
            "c.yaml:1: blocklists[0].format: 'zone': input should be 'catalogue', ",
        ),
        (
            "blocklists: [{name: a, file: x, refresh: 6}]",
            "c.yaml:1: blocklists[0].refresh: 6 is not a duration such as",
        ),
        ("blocklists: [{name: a, file: x, refresh: 0s}]", "c.yaml:1: blocklists[0].refresh: '0s' must be longer"),
        ("blocklists: [{name: ../a, file: x}]", "c.yaml:1: blocklists[0].name: '../a': string should match"),
        (
            "blocklists:\n - {name: a, file: x}\n - {name: a, file: y}",
            "c.yaml:3: blocklists[1].name: 'a' is used twice",
        ),
        ("allow: [{name: a.example}]", "c.yaml:1: allow[0].reason: is required"),
        (
            "allow: [{name: a.example, reason: x, until: 2023-02-30}]",
            "c.yaml:1: allow[0].until: '2023-02-30' is not a date",
        ),
        ("allow: [{name: a.example, reason: x, groups: [g]}]", "c.yaml:1: allow[0].groups[0]: there is no group 'g'"),
        (
            "groups: [{name: a, networks: [10.0.0.1/8]}]",
            "c.yaml:1: groups[0].networks[0]: '10.0.0.1/8': input is not a valid",
        ),
        ("timezone: ../../etc/passwd", "c.yaml:1: timezone: '../../etc/passwd' is not a timezone"),
        (
            "policies: [{name: p, blocklists: [x], phases: {enforce: 2023-01-01}}]",
            "c.yaml:1: policies[0].blocklists[0]: there is no blocklist 'x'",
        ),
        (POLICY + "phases: {}}]", "c.yaml:2: policies[0].phases: must not be empty"),
        (POLICY + "phases: {end: 2023-01-01}}]", "c.yaml:2: policies[0].phases.end: 'end': "),
        (
            POLICY + "phases: {enforce: 2023-01-01, warn: 2023-02-01}}]",
            "c.yaml:2: policies[0].phases: enforce (2023-01-01",
        ),
        (
            POLICY + "answer: resolve, phases: {enforce: 2023-01-01}}]",
            "c.yaml:2: policies[0].answer: 'resolve': input should be",
        ),
        ("sinkhole: {ipv4: '::1'}", "c.yaml:1: sinkhole.ipv4: '::1': input is not a valid IPv4 address"),
        ("store: {url: 'mysql://x'}", "c.yaml:1: store.url: 'mysql://x': string should match"),
    ],
)
def test_a_wrong_value(text, problem):
    """The error names file, line, key and value, and is the only one."""
    problems = refuse(text)
    assert problems[0].startswith(problem)
    assert len(problems) == 1


def test_all_errors_at_once():
    """Errors of every section come in one go, by line."""
    problems = refuse("a: 1\nworkers: 0\nblocklists: [{name: a}]\npolicies: [{name: p, blocklists: [b], phases: {}}]\n")
    assert [problem.split(":")[1] for problem in problems] == ["1", "2", "3", "4", "4"]


@pytest.mark.parametrize(
    ("warn", "enforce", "is_valid"),
    [
        ("2023-03-01", "2023-03-01", True),
        ("2023-03-01", "2023-03-01T06:00:00", True),
        ("2023-03-01T01:00:00+09:00", "2023-03-01T00:00:00+05:00", True),
        ("2023-03-01T00:00:00+05:00", "2023-03-01T01:00:00+09:00", False),
        ("2023-03-02", "2023-03-01T00:00:00+00:00", False),
    ],
)
def test_order_of_phases(warn, enforce, is_valid):
    """Moments with an offset are compared as moments, others as written."""
    text = f"{LISTS}policies: [{{name: p, blocklists: [q], phases: {{warn: '{warn}', enforce: '{enforce}'}}}}]"
    if is_valid:
        assert parse_configuration(text, "c.yaml").policies
    else:
        assert "comes before warn" in refuse(text)[0]


def test_a_moment_keeps_its_offset():
    """A time with an offset is that moment, whatever the policy's timezone."""
    text = f"{LISTS}policies: [{{name: p, blocklists: [q], phases: {{enforce: '2023-03-15T06:00:00Z'}}}}]"
    phases = parse_configuration(text, "c.yaml").policies[0].phases
    assert phases[Phase.ENFORCE] == datetime(2023, 3, 15, 6, tzinfo=UTC)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["system", "1d", "a.example"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SECTIONS = st.dictionaries(st.sampled_from(sorted(Configuration.model_fields)), VALUES, max_size=4)


def items(section):
    """Return lists of mappings with the keys that items of a section have."""
    keys = sorted(Configuration.model_fields[section].annotation.__args__[0].model_fields)
    return st.lists(st.dictionaries(st.sampled_from(keys), VALUES, max_size=5), max_size=2)


DEEPER = st.fixed_dictionaries(
    {}, optional={name: items(name) for name in ("policies", "blocklists", "upstreams", "allow")}
)


@given(SECTIONS | DEEPER | VALUES)
def test_any_document_is_parsed_or_refused(data):
    """Whatever the YAML holds, it is a configuration or every problem has a line."""
    try:
        parse_configuration(yaml.safe_dump(data), "c.yaml")
    except InputError as error:
        lines = [problem.line for problem in error.problems]
    else:
        lines = [1]
    assert lines
    assert all(lines)


def test_shipped_lists_need_no_definition():
    """A policy may name a list that comes with dnsfilter; `blocklists` only adds and overrides."""
    text = """
blocklists: [{name: tiktok, file: own.yaml}]
policies:
  - name: ban
    blocklists: [tiktok, bypass]
    phases: {enforce: 2023-03-15}
    quarantine: {blocklists: [professional-apps]}
"""
    configuration = parse_configuration(text, "d.yaml")
    assert [blocklist.file for blocklist in configuration.implied_blocklists] == [
        "bypass.yaml",
        "professional-apps.yaml",
    ]


@pytest.mark.parametrize("name", ["canaries", "never-block", "special-use"])
def test_names_of_lists_that_are_always_in_force(name):
    """A list of one's own cannot take the place of one that every decision relies on."""
    with pytest.raises(InputError, match=f"d.yaml:1: .*{name!r} is the name of a list that is always in force"):
        parse_configuration(f"blocklists: [{{name: {name}, file: own.yaml}}]", "d.yaml")


def test_every_shipped_list_can_be_named():
    """What policies may name without defining it is what comes with dnsfilter and is not always in force."""
    shipped = {path.stem for path in (Path(__file__).parents[1] / "blocklists").glob("*.yaml")}
    assert shipped - {"never-block", "special-use"} == SHIPPED_LISTS
