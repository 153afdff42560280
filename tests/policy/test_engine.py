"""The engine, against a reference that applies the order's sentences one by one to every rule."""

from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.config import Configuration
from dnsfilter.model import (
    CANARIES,
    NEVER_BLOCK,
    Client,
    CompiledList,
    Decision,
    DnsAction,
    Ech,
    Grade,
    Match,
    Phase,
    ProxyAction,
    Role,
    Rule,
)
from dnsfilter.names import is_within
from dnsfilter.policy.engine import CLIENT_TRIGGER, Engine
from dnsfilter.policy.phases import to_timestamp
from dnsfilter.settings.order import Allow

LISTS = ["one", "two", "three"]
GROUPS = ["red", "blue"]
START = datetime(2023, 1, 1)  # noqa: DTZ001
LABELS = st.sampled_from(["a", "b", "ab"])
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
TIMES = st.integers(0, 40).map(lambda hours: START + timedelta(hours=hours))
NOWS = st.integers(-2, 42).map(lambda hours: to_timestamp(START, "UTC") + hours * 3600.0)
ANSWERS = st.sampled_from([DnsAction.SINKHOLE, DnsAction.NXDOMAIN, DnsAction.NODATA])
STRICT = [ProxyAction.PASS, ProxyAction.OBSERVE, ProxyAction.WARN, ProxyAction.REFUSE]
PROXY = {
    None: ProxyAction.PASS,
    Phase.OBSERVE: ProxyAction.OBSERVE,
    Phase.WARN: ProxyAction.WARN,
    Phase.ENFORCE: ProxyAction.REFUSE,
    Phase.QUARANTINE: ProxyAction.REFUSE,
}
CLIENTS = st.builds(
    lambda group, quarantined: Client(group, quarantined=frozenset(quarantined)),
    st.sampled_from(["", *GROUPS]),
    st.lists(st.sampled_from(["p0", "p1"]), unique=True),
)


def rule(blocklist, match, text, *, passthru=False, answer=None):
    """Return a rule."""
    return Rule(blocklist, "app", match, text, Role.WEB, Grade.WEAK, answer, passthru or blocklist == NEVER_BLOCK)


RULES = st.lists(
    st.builds(
        rule,
        st.sampled_from([*LISTS, NEVER_BLOCK]),
        st.sampled_from([Match.EXACT, Match.SUFFIX]),
        NAMES,
        passthru=st.booleans(),
        answer=st.none() | ANSWERS,
    ),
    max_size=10,
    unique_by=lambda one: (one.blocklist, one.match, one.text),
)


@st.composite
def policies(draw, name):
    """Draw a policy: lists, groups, phases in order."""
    phases = draw(st.lists(st.sampled_from(list(Phase)), min_size=1, unique=True))
    starts = sorted(draw(st.lists(TIMES, min_size=len(phases), max_size=len(phases))))
    return {
        "name": name,
        "blocklists": draw(st.lists(st.sampled_from(LISTS), min_size=1, unique=True)),
        "groups": draw(st.lists(st.sampled_from(GROUPS), unique=True)),
        "phases": dict(zip(sorted(phases, key=list(Phase).index), starts, strict=True)),
        "answer": draw(ANSWERS),
        "quarantine": {"blocklists": draw(st.lists(st.sampled_from(LISTS), unique=True))},
    }


ALLOWS = st.builds(
    lambda name, until, groups: Allow(name=name, reason="because", until=until, groups=groups),
    NAMES,
    st.none() | TIMES,
    st.lists(st.sampled_from(GROUPS), unique=True),
)
CONFIGURATIONS = st.builds(
    lambda first, second, allow: Configuration.model_validate(
        {"policies": [first, second], "allow": [item.model_dump() for item in allow]}
    ),
    policies("p0"),
    policies("p1"),
    st.lists(ALLOWS, max_size=2),
)


def compile_lists(drawn):
    """Return the lists that hold these rules."""
    return [
        CompiledList(name, "app", Role.WEB, Grade.WEAK, 0, tuple(one for one in drawn if one.blocklist == name))
        for name in [*LISTS, NEVER_BLOCK, CANARIES]
    ]


def phase_of(policy, now):
    """Return the phase by its dates."""
    begun = [phase for phase in Phase if phase in policy.phases and to_timestamp(policy.phases[phase], "UTC") <= now]
    return begun[-1] if begun else None


def reference(configuration, drawn, client, now, name):
    """Return DNS and proxy action of a name, and its rule, by the sentences of the contract."""
    covering = [one for one in drawn if one.text == name or (one.match is Match.SUFFIX and is_within(name, one.text))]
    exempt = any(
        is_within(name, allow.name)
        for allow in configuration.allow
        if (not allow.groups or client.group in allow.groups)
        and (allow.until is None or now < to_timestamp(allow.until, "UTC"))
    )
    results, concerned = [], 0
    for policy in configuration.policies:
        if policy.groups and client.group not in policy.groups:
            continue
        concerned += 1
        phase = phase_of(policy, now)
        lists = {*policy.blocklists, NEVER_BLOCK}
        if phase is Phase.QUARANTINE and policy.name in client.quarantined:
            lists |= set(policy.quarantine.blocklists)
        mine = [one for one in covering if one.blocklist in lists]
        if mine:
            best = min(mine, key=lambda one: (one.match is not Match.EXACT, -len(one.text), not one.passthru))
            results.append((best, phase, policy))
    listed = [found for found in results if not found[0].passthru]
    if not listed:
        return DnsAction.RESOLVE, ProxyAction.PASS, bool(results) and len(results) == concerned
    if exempt:
        return DnsAction.RESOLVE, ProxyAction.PASS, True
    best, phase, policy = max(listed, key=lambda found: STRICT.index(PROXY[found[1]]))
    proxy = PROXY[phase]
    if proxy is ProxyAction.REFUSE:
        return best.answer or policy.answer, proxy, False
    return (DnsAction.OBSERVE if phase else DnsAction.RESOLVE), proxy, False


@given(CONFIGURATIONS, RULES, CLIENTS, NOWS, NAMES)
def test_agrees_with_the_contract(configuration, drawn, client, now, name):
    """Most specific rule per policy, strictest policy, never-block among equals, exemptions: as written."""
    decision = Engine(configuration, compile_lists(drawn)).view(client, now).decide(name)
    dns, proxy, is_free = reference(configuration, drawn, client, now, name)
    assert (decision.proxy, decision.is_free) == (proxy, is_free)
    if proxy is not ProxyAction.REFUSE:
        assert decision.dns is dns
    else:
        assert decision.is_blocking


@given(CONFIGURATIONS, RULES, CLIENTS, NOWS, st.lists(NAMES, min_size=1, max_size=4))
def test_next_change_is_when_decisions_may_change(configuration, drawn, client, now, names):
    """Between two changes nothing is decided otherwise, and a change is a start or an end that is configured."""
    engine = Engine(configuration, compile_lists(drawn))
    change = engine.next_change(now)
    moments = {to_timestamp(start, "UTC") for policy in configuration.policies for start in policy.phases.values()}
    moments |= {to_timestamp(allow.until, "UTC") for allow in configuration.allow if allow.until}
    assert change == min((moment for moment in moments if moment > now), default=None)
    last = now + 1e9 if change is None else change - 1e-3
    before, after = engine.view(client, now), engine.view(client, last)
    assert [before.decide(name) for name in names] == [after.decide(name) for name in names]


def decide(drawn, name, client=Client(), now=START + timedelta(days=9), **settings):  # noqa: B008 - a frozen value
    """Decide a name under one order in force over list `one`."""
    policy = {"name": "order", "blocklists": ["one"], "phases": {"enforce": START}}
    configuration = Configuration.model_validate({"policies": [policy], **settings})
    return view(configuration, drawn, client, now).decide(name)


def view(configuration, drawn, client=Client(), now=START + timedelta(days=9)):  # noqa: B008 - a frozen value
    """Return the view of a client."""
    return Engine(configuration, compile_lists(drawn)).view(client, to_timestamp(now, "UTC"))


def test_freed_name_tells_by_what():
    """A name that never-block frees carries that rule, so that explain can say why."""
    freeing = rule(NEVER_BLOCK, Match.SUFFIX, "a.b")
    decision = decide([freeing, rule("one", Match.SUFFIX, "b")], "x.a.b")
    assert decision == Decision(DnsAction.RESOLVE, ProxyAction.PASS, freeing)
    assert decision.is_free


def test_one_policy_frees_only_for_itself():
    """A list that frees a name under one order does not free what it leads to under another."""
    orders = [{"name": name, "blocklists": [name], "phases": {"enforce": START}} for name in ("one", "two")]
    configuration = Configuration.model_validate({"policies": orders})
    freeing = rule("one", Match.SUFFIX, "a", passthru=True)
    assert not view(configuration, [freeing]).decide("a").is_free
    assert view(configuration, [freeing, rule("two", Match.SUFFIX, "a")]).decide("a").is_blocking
    assert view(configuration, [freeing, rule("two", Match.SUFFIX, "a", passthru=True)]).decide("a").is_free


def test_canary_comes_first():
    """A canary has its own answer whatever exempts or frees it, and is no sighting."""
    canary = rule(CANARIES, Match.EXACT, "a.b", answer=DnsAction.NODATA)
    allow = [{"name": "a.b", "reason": "because"}]
    decision = decide([canary, rule(NEVER_BLOCK, Match.EXACT, "a.b")], "a.b", allow=allow)
    assert (decision.dns, decision.proxy, decision.is_sighting) == (DnsAction.NODATA, ProxyAction.PASS, False)


@pytest.mark.parametrize(
    ("address", "is_blocked"),
    [("71.18.0.1", True), ("71.18.3.1", False), ("71.18.8.1", False), ("2001:db8::1", True), ("2001:db9::1", False)],
)
def test_addresses(address, is_blocked):
    """The longest network that holds an address decides; a network may be freed inside another."""
    drawn = [
        rule("one", Match.NETWORK, "71.18.0.0/21"),
        rule("one", Match.NETWORK, "71.18.3.0/24", passthru=True),
        rule("one", Match.NETWORK, "2001:db8::/32"),
    ]
    policy = {"name": "order", "blocklists": ["one"], "phases": {"enforce": START}}
    made = view(Configuration.model_validate({"policies": [policy]}), drawn)
    assert made.decide_address(ip_address(address)).is_blocking is is_blocked
    holds = any(ip_address(address) in ip_network(one.text) for one in drawn)
    assert (ip_address(address).packed[:2] in made.listed_prefixes) or not holds


def test_exempting_what_a_name_leads_to():
    """What a name leads to is freed by the exemptions of the name asked for, and by no other."""
    policy = {"name": "order", "blocklists": ["one"], "phases": {"enforce": START}}
    allow = [{"name": "free.example", "reason": "because", "ticket": "T-1"}]
    made = view(Configuration.model_validate({"policies": [policy], "allow": allow}), [rule("one", Match.SUFFIX, "a")])
    listed = made.decide("x.a")
    freed = made.exempt("www.free.example", listed)
    assert freed.is_free
    assert freed.rule is listed.rule
    assert freed.exemption is not None
    assert freed.exemption.ticket == "T-1"
    assert made.exempt("other.example", listed) is listed


def test_phase_and_starts():
    """Phases and their starts are those of the policy's schedule."""
    policy = {
        "name": "order",
        "blocklists": ["one"],
        "phases": {"observe": START, "enforce": START + timedelta(days=1)},
    }
    engine = Engine(Configuration.model_validate({"policies": [policy]}), [])
    start = to_timestamp(START, "UTC")
    assert engine.starts("order") == {Phase.OBSERVE: start, Phase.ENFORCE: start + 86_400}
    assert [engine.phase_at("order", start + shift) for shift in (-1, 0, 86_400)] == [
        None,
        Phase.OBSERVE,
        Phase.ENFORCE,
    ]


def test_ech_is_the_strictest_wish_of_policies_in_force():
    """A policy asks from its first phase on, for its own groups only."""
    policies = [
        {"name": "one", "blocklists": ["one"], "phases": {"observe": START}, "ech": "remove"},
        {
            "name": "two",
            "blocklists": ["one"],
            "phases": {"enforce": START + timedelta(days=1)},
            "ech": "remove-signed",
        },
        {"name": "three", "blocklists": ["one"], "phases": {"observe": START}, "groups": ["red"]},
    ]
    made = Engine(Configuration.model_validate({"policies": policies, "groups": [{"name": "red"}]}), [])
    start = to_timestamp(START, "UTC")
    wishes = [made.view(Client(), start + shift).ech for shift in (-1, 0, 86_400)]
    assert wishes == [Ech.KEEP, Ech.REMOVE, Ech.REMOVE_SIGNED]


def client_rule(text, blocklist="one", *, passthru=False, answer=None, data=()):
    """Return a rule about who asks."""
    return replace(rule(blocklist, Match.CLIENT, text, passthru=passthru, answer=answer), data=data)


def engine_of(*drawn, lists=("one",), **settings):
    """Return the engine of one order in force over some lists."""
    policy = {"name": "order", "blocklists": list(lists), "phases": {"enforce": START}, "answer": "null"}
    return Engine(Configuration.model_validate({"policies": [policy], **settings}), compile_lists(drawn))


def decide_for(engine, address, name):
    """Return what a client gets."""
    triggers = engine.find_triggers(address)
    return engine.view(Client(triggers=triggers), to_timestamp(START, "UTC") + 1).decide(name)


@pytest.mark.parametrize(
    ("address", "name", "dns"),
    [
        ("10.0.0.1", "a.b", DnsAction.NXDOMAIN),
        ("10.0.0.1", "listed", DnsAction.NXDOMAIN),
        ("10.0.0.2", "listed", DnsAction.RESOLVE),
        ("10.0.0.2", "a.b", DnsAction.RESOLVE),
        ("10.0.1.1", "a.b", DnsAction.RESOLVE),
        ("10.0.1.1", "listed", DnsAction.NULL),
        ("10.0.0.1", "press.b", DnsAction.RESOLVE),
        ("10.0.0.1", "shared.b", DnsAction.NXDOMAIN),
        ("10.0.0.1", "canary", DnsAction.NODATA),
        ("2001:db8::1", "a.b", DnsAction.DROP),
    ],
)
def test_who_asks_comes_before_what_is_asked_for(address, name, dns):
    """The longest network decides before any name; canaries and exemptions stay, never-block is about names."""
    engine = engine_of(
        client_rule("10.0.0.0/24", answer=DnsAction.NXDOMAIN),
        client_rule("10.0.0.2/32", passthru=True),
        client_rule("2001:db8::/32", answer=DnsAction.DROP),
        rule("one", Match.SUFFIX, "listed"),
        rule(NEVER_BLOCK, Match.SUFFIX, "shared.b"),
        rule(CANARIES, Match.SUFFIX, "canary", answer=DnsAction.NODATA),
        allow=[{"name": "press.b", "reason": "press"}],
    )
    assert decide_for(engine, address, name).dns is dns


def test_who_is_listed_by_another_order_is_not_concerned():
    """A rule about clients counts where a policy is about its list, and only in that policy's phase."""
    engine = engine_of(client_rule("10.0.0.0/24", "two", answer=DnsAction.NXDOMAIN))
    assert decide_for(engine, "10.0.0.1", "a.b").dns is DnsAction.RESOLVE
    engine = engine_of(client_rule("10.0.0.0/24", answer=DnsAction.NXDOMAIN))
    before = engine.view(Client(triggers=engine.find_triggers("10.0.0.1")), to_timestamp(START, "UTC") - 1)
    assert before.decide("a.b").dns is DnsAction.RESOLVE


def test_a_freed_client_is_free_of_addresses():
    """Neither is it blocked by the networks of the list that frees it, and a listed one is for every address."""
    engine = engine_of(
        client_rule("10.0.0.1/32", passthru=True),
        client_rule("10.0.0.2/32", answer=DnsAction.NXDOMAIN),
        rule("one", Match.NETWORK, "192.0.2.0/24"),
    )
    views = [
        engine.view(Client(triggers=engine.find_triggers(f"10.0.0.{last}")), to_timestamp(START, "UTC") + 1)
        for last in (1, 2, 3)
    ]
    assert [view.decide_address(ip_address("192.0.2.1")).is_blocking for view in views] == [False, True, True]
    assert [view.decide_address(ip_address("198.51.100.1")).is_blocking for view in views] == [False, True, False]


def test_clients_that_are_treated_alike_have_the_same_triggers():
    """What lists say of two clients is equal unless it does different things, and names neither."""
    engine = engine_of(
        client_rule("10.0.0.0/24", answer=DnsAction.NXDOMAIN),
        client_rule("10.0.0.5/32", answer=DnsAction.NXDOMAIN),
        client_rule("10.0.1.0/24", answer=DnsAction.NXDOMAIN, data=("5 A 192.0.2.1",)),
        client_rule("10.0.0.7/32", "two", passthru=True),
        lists=("one", "two"),
    )
    plain = engine.find_triggers("10.0.0.1")
    assert [(one.text, one.blocklist) for one in plain] == [(CLIENT_TRIGGER, "one")]
    assert plain == engine.find_triggers("10.0.0.5")
    assert plain != engine.find_triggers("10.0.1.1")
    assert [one.blocklist for one in engine.find_triggers("10.0.0.7")] == ["two", "one"]
    assert engine.find_triggers("10.0.2.1") == engine.find_triggers("nobody") == ()
    assert [one.text for one in engine.match_client("10.0.0.5")] == ["10.0.0.5/32", "10.0.0.0/24"]
