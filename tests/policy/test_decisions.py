"""The table of actions, and which decision is stricter."""

from dataclasses import replace
from itertools import pairwise

import pytest

from dnsfilter.model import (
    SELFTEST,
    SPECIAL_USE,
    Decision,
    DnsAction,
    Exemption,
    Grade,
    Match,
    Phase,
    ProxyAction,
    Role,
    Rule,
)
from dnsfilter.policy.decisions import ACTIONS, NOT_LISTED, decide_first, is_strictest, stricter, strictness

RULE = Rule("own", "app", Match.SUFFIX, "a.example", Role.WEB, Grade.WEAK)
PASSTHRU = Rule("own", "app", Match.SUFFIX, "a.example", Role.WEB, Grade.WEAK, passthru=True)


@pytest.mark.parametrize(
    ("phase", "dns", "proxy"),
    [
        (None, DnsAction.RESOLVE, ProxyAction.PASS),
        (Phase.OBSERVE, DnsAction.OBSERVE, ProxyAction.OBSERVE),
        (Phase.WARN, DnsAction.OBSERVE, ProxyAction.WARN),
        (Phase.ENFORCE, None, ProxyAction.REFUSE),
        (Phase.QUARANTINE, None, ProxyAction.REFUSE),
    ],
)
def test_actions(phase, dns, proxy):
    """Each phase does at the resolver and at the proxy what the contract says; None is the policy's own answer."""
    assert ACTIONS[phase] == (dns, proxy)


def test_every_phase_has_actions():
    """No phase is without a row."""
    assert set(ACTIONS) == {None, *Phase}


def test_order():
    """Not listed, listed before the first phase, then by what the proxy does."""
    ladder = [NOT_LISTED, *(Decision(DnsAction.RESOLVE, proxy, RULE) for proxy in ProxyAction)]
    ranks = [strictness(decision) for decision in ladder]
    assert all(lower < higher for lower, higher in pairwise(ranks))


def test_freed_is_no_stricter_than_not_listed():
    """A name freed by a rule must not outrank one that is listed."""
    assert strictness(Decision(DnsAction.RESOLVE, ProxyAction.PASS, PASSTHRU)) == strictness(NOT_LISTED)


@pytest.mark.parametrize(
    ("decision", "is_free"),
    [
        (NOT_LISTED, False),
        (Decision(DnsAction.RESOLVE, ProxyAction.PASS, RULE), False),
        (Decision(DnsAction.RESOLVE, ProxyAction.PASS, PASSTHRU), True),
        (Decision(DnsAction.RESOLVE, ProxyAction.PASS, RULE, exemption=Exemption("a.example", "why", "T-1")), True),
    ],
)
def test_who_is_free(decision, is_free):
    """A rule that frees or an exemption makes a name free; being before the first phase does not."""
    assert decision.is_free is is_free


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (DnsAction.SINKHOLE, (DnsAction.SINKHOLE, ProxyAction.REFUSE)),
        (DnsAction.NXDOMAIN, (DnsAction.NXDOMAIN, ProxyAction.PASS)),
        (None, (DnsAction.NXDOMAIN, ProxyAction.PASS)),
    ],
)
def test_before_any_policy(answer, expected):
    """What comes before policies is no sighting; the proxy refuses what the resolver leads to the sinkhole."""
    rule = Rule(SPECIAL_USE, SPECIAL_USE, Match.EXACT, SELFTEST, Role.INFRA, Grade.NONE, answer)
    decision = decide_first(rule)
    assert (decision.dns, decision.proxy) == expected
    assert not decision.is_sighting
    assert decision.is_probe
    assert not Decision(DnsAction.SINKHOLE, ProxyAction.REFUSE, replace(rule, blocklist="own")).is_probe


@pytest.mark.parametrize("dns", DnsAction)
@pytest.mark.parametrize("proxy", ProxyAction)
def test_what_is_strictest(dns, proxy):
    """Beside such a decision none counts; beside any other one does."""
    decision, blocking = Decision(dns, proxy, RULE), Decision(DnsAction.SINKHOLE, ProxyAction.REFUSE, RULE)
    assert is_strictest(decision) is (stricter(decision, blocking) is decision)
