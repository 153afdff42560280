"""Signs of an app beside names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.evidence.signs import MAX_FIELD, Sign, SignRules, parse_signs, pin
from dnsfilter.model import CompiledList, Grade, Match, Role, Rule

NAME = Rule("order", "tiktok", Match.SUFFIX, "tiktok.com", Role.WEB, Grade.WEAK)
LISTS = [
    CompiledList("order", "mixed", Role.INFRA, Grade.NONE, 1, (NAME,)),
    CompiledList("bypass", "encrypted-dns", Role.DOH, Grade.NONE, 0),
    CompiledList("other", "capcut", Role.INFRA, Grade.NONE, 0),
]
SIGNS = """\
tiktok:
  - {name: request by the app, grade: strong, field: user-agent, pattern: '^app/', source: test}
  - {name: signed, grade: weak, field: x-sign, pattern: '^[0-9]+$', source: test}
elsewhere:
  - {name: request by another, grade: strong, field: user-agent, pattern: '^app/', source: test}
"""
RULES = SignRules(LISTS, parse_signs(SIGNS, "signs.yaml"))


def test_reads_what_the_data_says() -> None:
    """A document of signs is one sign an entry, with the app that it stands under."""
    assert parse_signs(SIGNS, "signs.yaml")[1] == Sign("tiktok", "signed", Grade.WEAK, "x-sign", re.compile("^[0-9]+$"))


def test_a_sign_stands_for_a_rule_in_each_list_about_its_app() -> None:
    """Lists about other apps have no rule for it, and an app that no list is about has none at all."""
    ((rule,),) = RULES.find({"user-agent": "app/1", "x-sign": "none"})
    assert rule == Rule("order", "tiktok", Match.EXACT, "request by the app", Role.APP_API, Grade.STRONG)


def test_dns_stands_for_a_rule_in_each_list_of_resolvers() -> None:
    """DNS inside HTTP is what lists of encrypted-DNS endpoints are about."""
    assert [(rule.blocklist, rule.app, rule.role) for rule in RULES.of_dns()] == [("bypass", "encrypted-dns", "doh")]


def test_a_name_stands_once_for_all_its_signs() -> None:
    """Two signs of one name in one request are one family of evidence, and one sighting."""
    signs = [Sign("tiktok", "one", Grade.STRONG, field, re.compile("x")) for field in ("a", "a", "b")]
    assert len(list(SignRules(LISTS, signs).find({"a": "x", "b": "x"}))) == 1


@pytest.mark.parametrize(("grade", "text"), [(Grade.STRONG, "pinned a"), (Grade.WEAK, "pinned a"), (Grade.NONE, None)])
def test_a_pinned_certificate_proves_what_the_name_does(grade: Grade, text: str | None) -> None:
    """It has the grade of the name's rule, and none where that proves nothing."""
    found = pin(Rule("order", "tiktok", Match.SUFFIX, "a", Role.WEB, grade))
    assert (found and (found.text, found.grade)) == (text and (text, grade))


def test_looks_at_so_much_of_a_field() -> None:
    """What stands behind a bounded number of characters is not looked at."""
    found = SignRules(LISTS, [Sign("tiktok", "end", Grade.WEAK, "user-agent", re.compile("end"))])
    assert list(found.find({"user-agent": " " * (MAX_FIELD - 3) + "end"}))
    assert not list(found.find({"user-agent": " " * (MAX_FIELD - 2) + "end"}))


@given(st.dictionaries(st.sampled_from(["user-agent", "x-sign", "host"]), st.text()))
def test_takes_any_fields(fields: dict[str, str]) -> None:
    """No fields make recognition fail."""
    assert len(list(RULES.find(fields))) <= 2
