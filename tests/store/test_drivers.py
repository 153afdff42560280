"""Which driver a URL needs."""

import sys

import pytest

from dnsfilter.errors import StoreError
from dnsfilter.store.drivers import check_driver, with_driver


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///dnsfilter.db", "sqlite:///dnsfilter.db"),
        ("postgresql://u@db/x", "postgresql+psycopg://u@db/x"),
        ("postgresql+psycopg2://u@db/x", "postgresql+psycopg2://u@db/x"),
    ],
)
def test_names_the_driver(url: str, expected: str) -> None:
    """PostgreSQL without more is the driver that the extra brings; one that is named stays."""
    assert with_driver(url) == expected


@pytest.mark.parametrize("url", ["sqlite:///dnsfilter.db", "postgresql://u@db/x"])
def test_what_is_there_is_no_error(url: str) -> None:
    """SQLite needs no driver, and PostgreSQL's is installed for tests."""
    check_driver(url)


def test_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that is not installed is one line that says how to install it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'dnsfilter\[postgresql\]'") as caught:
        check_driver("postgresql://u:secret@db/x")
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreError, match="nosuchdriver cannot be loaded"):
        check_driver("postgresql+nosuchdriver://u@db/x")
