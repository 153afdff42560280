"""Conditional forwarding by the longest suffix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.upstream.routes import Routes

ROUTES = Routes("default", {"corp.example": "corporate", "lab.corp.example": "lab", "10.in-addr.arpa": "reverse"})


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("corp.example", "corporate"),
        ("www.corp.example", "corporate"),
        ("a.b.c.corp.example", "corporate"),
        ("lab.corp.example", "lab"),
        ("x.lab.corp.example", "lab"),
        ("notcorp.example", "default"),
        ("corp.example.org", "default"),
        ("example", "default"),
        ("", "default"),
        ("3.2.1.10.in-addr.arpa", "reverse"),
        ("110.in-addr.arpa", "default"),
    ],
)
def test_longest_suffix_wins(name: str, target: str) -> None:
    """A route takes its name and what is below it, label by label; the longest one wins."""
    assert ROUTES.find(name) == target


def test_without_routes_there_is_the_default() -> None:
    """Everything goes to the default where nothing else is configured."""
    assert Routes(1, {}).find("www.example") == 1


_LABELS = st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=5)


@given(st.lists(_LABELS, max_size=6), _LABELS)
def test_agrees_with_looking_at_all(routes: list[list[str]], labels: list[str]) -> None:
    """The route found is the longest of all that end the name."""
    suffixes = {".".join(route): ".".join(route) for route in routes}
    ending = [route for route in routes if labels[len(labels) - len(route) :] == route and len(route) <= len(labels)]
    expected = ".".join(max(ending, key=len)) if ending else "default"
    assert Routes("default", suffixes).find(".".join(labels)) == expected
