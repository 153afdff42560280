"""The adblock syntax."""

import pytest

from dnsfilter.blocklist.adblock import ADBLOCK
from dnsfilter.blocklist.lines import parse_lines


def test_rules_about_names():
    """`||name^` lists a name with all below it, `@@||name^` frees; comments and the header say nothing."""
    text = "[Adblock Plus 2.0]\n! comment\n!####\n# comment\n||a.example^\n@@||free.a.example^|\n||Bücher.example^\n"
    parsed = parse_lines(text, "f", ADBLOCK)
    assert parsed.suffixes == ["a.example", "xn--bcher-kva.example"]
    assert parsed.passed_suffixes == ["free.a.example"]
    assert parsed.problems == ()


def test_anchors_at_both_ends_are_the_name_alone():
    """`|name|` and `|name^` list one name and nothing below it; `@@` frees just that."""
    parsed = parse_lines("|a.example|\n|b.example^\n@@|c.example|\n", "f", ADBLOCK)
    assert (parsed.exacts, parsed.passed_exacts, parsed.problems) == (["a.example", "b.example"], ["c.example"], ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("||a.example^$third-party", "modifier $third-party"),
        ("@@||a.example^$important", "modifier $important"),
        ("||a.example", "ends in ^"),
        ("||a.example/path^", "cannot have"),
        ("|https://a.example/", "only ||name^"),
        ("a.example", "only ||name^"),
        ("##.banner", "cosmetic"),
        ("a.example##.banner", "cosmetic"),
        ("a.example#@#.banner", "cosmetic"),
        ("/banner[0-9]+/", "regular expression"),
        ("||a*.example^", "wildcard"),
        ("/banner/*/img^", "only ||name^"),
        ("||a.example^$/x/", "modifier $/x/"),
        ("!#include other.txt", "directive !#include"),
        ("!#if ext_ublock", "directive !#if"),
        ("||com^", "too broad"),
        ("||192.0.2.1^", "is an address"),
    ],
)
def test_what_is_not_about_a_whole_name_is_refused_by_name(line, reason):
    """A rule of which half would be lost is a problem that says which half."""
    parsed = parse_lines(f"||good.example^\n{line}", "f", ADBLOCK)
    assert parsed.suffixes == ["good.example"]
    assert parsed.passed_suffixes == []
    assert len(parsed.problems) == 1
    assert reason in parsed.problems[0].message
