"""The store as commands use it."""

from pathlib import Path

import pytest

from dnsfilter.cli.stores import changing, heads_file, reading
from dnsfilter.config import Configuration
from dnsfilter.errors import StoreError
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store.audit import append, list_entries, verify


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """Return a configuration with a store that does not exist yet."""
    file = tmp_path / "dnsfilter.yaml"
    file.write_text("upstreams: [{servers: [192.0.2.53]}]\nstore: {url: 'sqlite:///s.db'}\n")
    return load_configuration(file)


def test_reading_makes_nothing(configuration: Configuration, tmp_path: Path) -> None:
    """Where there is no store, there is none afterwards."""
    with reading(configuration) as connection:
        assert connection is None
    assert [path.name for path in tmp_path.iterdir()] == ["dnsfilter.yaml"]


def test_a_change_is_anchored(configuration: Configuration) -> None:
    """What was appended is in the store and in the heads once the change has ended."""
    with changing(configuration) as connection:
        append(connection, time=1, actor="a", action="b", subject="d-1", details={})
    assert heads_file(configuration).read_text().splitlines()[-1].startswith("1 ")
    with reading(configuration) as read:
        assert read
        assert len(list(list_entries(read))) == 1
        assert verify(read, heads_file(configuration)) == []


def test_failures_are_one_line(configuration: Configuration, tmp_path: Path) -> None:
    """A store that is no database is one error that names it."""
    (tmp_path / "s.db").write_bytes(b"nonsense" * 1_000)
    for use in (reading, changing):
        with pytest.raises(StoreError, match=r"s\.db: file is not a database$"), use(configuration):
            pass
