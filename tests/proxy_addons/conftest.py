"""Fixtures for the addon."""

from collections.abc import Iterator

import pytest

from tests.fakes.layers import World, running
from tests.fakes.published import publish_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the addon in the phase that refuses."""
    directory = tmp_path_factory.mktemp("world")
    publish_world(directory)
    with running(directory) as found:
        yield found
