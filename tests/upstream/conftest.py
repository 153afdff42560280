"""Fixtures for exchanges with upstreams."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from tests.fakes.forwarding import Run, run_with_house
from tests.fakes.upstream import FakeUpstream


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a test in a loop, with a house; fail when anything was raised where nobody looks."""
    return partial(run_with_house, monkeypatch)


@pytest.fixture
def start() -> Iterator[Callable[..., FakeUpstream]]:
    """Start upstreams that end with the test."""
    with ExitStack() as stack:
        yield lambda *reactions: stack.enter_context(FakeUpstream(*reactions))
