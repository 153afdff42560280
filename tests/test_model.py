"""What the nouns say of themselves."""

from enum import StrEnum
from pickle import dumps, loads

import pytest

from dnsfilter import model
from dnsfilter.model import Decision, DnsAction, Grade, Match, ProxyAction, Role, Rule, Word

WORDS = [value for value in vars(model).values() if isinstance(value, type) and issubclass(value, Word)]
RULE = Rule("own", "app", Match.SUFFIX, "a.example", Role.WEB, Grade.WEAK)


@pytest.mark.parametrize("word", WORDS)
def test_words_are_their_text(word):
    """A member is equal to, hashed and formatted as its text, and survives a process border as itself."""
    assert issubclass(word, StrEnum)
    for member in word:
        assert {member.value: 1}[member] == 1
        assert f"{member}" == member.value
        assert loads(dumps(member)) is member


@pytest.mark.parametrize("action", DnsAction)
def test_blocking_actions(action):
    """All but resolve and observe are answers of our own."""
    assert action.is_blocking is (action not in {"resolve", "observe"})


@pytest.mark.parametrize("proxy", ProxyAction)
def test_sightings(proxy):
    """A decision records a device just when the proxy would do more than pass."""
    decision = Decision(DnsAction.SINKHOLE, proxy, RULE)
    assert decision.is_sighting is (proxy != "pass")
    assert decision.is_blocking
    assert not decision.is_free


def test_what_is_worked_out_is_no_part_of_equality():
    """Two decisions for the same reason are the same key."""
    assert len({Decision(DnsAction.SINKHOLE, ProxyAction.REFUSE, RULE) for _ in range(2)}) == 1
