"""Messages of the exceptions, and how problems name their place."""

import pytest

from dnsfilter.errors import DnsfilterError, InputError, Problem, SnapshotError, StoreError, WireError


@pytest.mark.parametrize("error", [WireError, SnapshotError, StoreError])
def test_docstring_is_the_message(error):
    """Without a message an exception says what its docstring says."""
    assert str(error()) == error.__doc__
    assert str(error("other")) == "other"
    assert isinstance(error(), DnsfilterError)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("is wrong"), "is wrong"),
        (Problem("is wrong", "a.yaml"), "a.yaml: is wrong"),
        (Problem("is wrong", "a.yaml", 3), "a.yaml:3: is wrong"),
        (Problem("is wrong", "a.yaml", 3, "listen.dns"), "a.yaml:3: listen.dns: is wrong"),
        (Problem("is wrong", key="NAME"), "NAME: is wrong"),
    ],
)
def test_place_of_a_problem(problem, text):
    """File, line and key stand in front as far as they are known."""
    assert str(problem) == text


def test_all_problems_at_once():
    """One line each."""
    error = InputError(Problem(text) for text in ("first", "second"))
    assert str(error) == "first\nsecond"
    assert [problem.message for problem in error.problems] == ["first", "second"]
