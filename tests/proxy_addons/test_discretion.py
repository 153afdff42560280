"""What is logged of mitmproxy's own failures."""

import logging

import pytest

from proxy_addons.discretion import LOGGER, Discretion


@pytest.fixture(autouse=True)
def fresh_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test's leftovers stand at the logger."""
    monkeypatch.setattr(logging.getLogger(LOGGER), "filters", [])


def fail(name: str) -> None:
    raise AssertionError(name)


def test_a_failure_is_told_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    """Kind and place stay, the message of the exception, which may hold names and payload, goes, and it is counted."""
    counted: list[int] = []
    discretion = Discretion(lambda: counted.append(1))
    discretion.begin()
    try:
        fail("www.example.org")
    except AssertionError:
        logging.getLogger(LOGGER).exception("%s has crashed!", "mitmproxy")
    discretion.end()
    assert "www.example.org" not in caplog.text
    assert "mitmproxy has crashed! AssertionError at test_discretion.py:" in caplog.text
    assert counted == [1]


def test_other_records_pass_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    """What carries no exception, or comes after the end, is not touched."""
    discretion = Discretion(lambda: pytest.fail("counted"))
    discretion.begin()
    logging.getLogger(LOGGER).warning("%s listens", "it")
    discretion.end()
    assert caplog.messages == ["it listens"]
    assert logging.getLogger(LOGGER).filters == []
