"""Rules that are work: no pattern of a list costs more than a moment, whatever name it is held against."""

from time import process_time

import pytest

from dnsfilter.model import CompiledList, Grade, Match, Role, Rule
from dnsfilter.policy.matcher import Matcher

BOUND = 0.001
"""Seconds of CPU time to find the rules for one name."""

LONGEST = ".".join(["a" * 63] * 3) + "." + "a" * 40


@pytest.mark.parametrize(
    "pattern",
    ["*a*a*a*a*a*a*a*a*b", "a*" * 20 + "b", "*" * 40 + "b", "*a" * 31 + "*b", "*a.*a.*a.*b", "a*a*a.a*a*a.*b"],
)
def test_patterns_do_not_explode(pattern: str) -> None:
    """A pattern of many stars against the longest name that nearly matches is decided in a moment."""
    rule = Rule("own", "app", Match.PATTERN, f"{pattern}.example.com", Role.WEB, Grade.WEAK)
    matcher = Matcher([CompiledList("own", "app", Role.WEB, Grade.WEAK, 1, (rule,))])
    name = f"{LONGEST}.example.com"
    seconds = []
    for _ in range(5):
        start = process_time()
        assert matcher.match(name) == []
        seconds.append(process_time() - start)
    assert min(seconds) <= BOUND
