"""Defects in the log: once each, and without what they were about."""

import logging

import pytest

from dnsfilter.defects import Defects, describe


def fail(name: str) -> None:
    raise KeyError(name)


def find(name: str) -> KeyError:
    """Return the exception that a name causes."""
    with pytest.raises(KeyError) as caught:
        fail(name)
    return caught.value


def test_the_text_of_an_exception_is_left_out() -> None:
    """Its kind and its place are told, the name that it holds is not; one that was never raised has no place."""
    assert describe(find("secret.example")).startswith("KeyError at test_defects.py:")
    assert "secret" not in describe(find("secret.example"))
    assert describe(ValueError("192.0.2.1")) == "ValueError"


def test_each_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand of one kind at one place are one line, another place is another."""
    defects = Defects(logging.getLogger("test"))
    for number in range(1000):
        defects.report("unexpected while answering", find(f"n{number}.example"))
    defects.report("unexpected while answering", ValueError("another"))
    first, second = caplog.messages
    assert first.startswith("unexpected while answering: KeyError at test_defects.py:")
    assert first.endswith("; further ones are only counted")
    assert second == "unexpected while answering: ValueError; further ones are only counted"
