"""A fresh store for each test, in SQLite and in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from dnsfilter.store.database import open_store
from tests.fakes.postgresql import Postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a store that does not exist yet."""
    if request.param == "postgresql":
        server: Postgresql = request.getfixturevalue("postgresql")
        return server.make_database()
    return f"sqlite:///{tmp_path / 'store' / 'dnsfilter.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Open a fresh store."""
    opened = open_store(url)
    yield opened
    opened.dispose()
