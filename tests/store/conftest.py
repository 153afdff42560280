"""A fresh store for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from dnsfilter.store.database import open_store


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a store that does not exist yet."""
    return f"sqlite:///{tmp_path / 'store' / 'dnsfilter.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Open a fresh store."""
    opened = open_store(url)
    yield opened
    opened.dispose()
