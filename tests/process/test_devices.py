"""The client snapshot follows its sources."""

import logging
import os
from pathlib import Path

import pytest

from dnsfilter.config import Configuration
from dnsfilter.feeds.clients import read_clients, refresh_clients
from dnsfilter.process.devices import EXPIRY_SECONDS, DeviceFeed

HEADER = "id,group,mac,ip\n"
MAC = "02:00:5e:00:53:01"


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """Write an inventory and leases, publish them, return the configuration that names them."""
    (tmp_path / "devices.csv").write_text(HEADER + "d1,,,192.0.2.1\n")
    (tmp_path / "leases").write_text("")
    found = Configuration.model_validate(
        {"inventory": str(tmp_path / "devices.csv"), "leases": [{"file": str(tmp_path / "leases")}]}
    )
    refresh_clients(found, tmp_path, 0.0)
    return found


def replace_file(path: Path, text: str) -> None:
    """Replace a file the way exports do: by rename."""
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)  # noqa: PTH105 - over an existing file


def test_publishes_what_changes(configuration: Configuration, tmp_path: Path) -> None:
    """A changed inventory or lease file is published once; unchanged ones are left alone."""
    feed = DeviceFeed(configuration, tmp_path)
    assert feed.refresh(100.0) is True
    assert feed.refresh(102.0) is False
    replace_file(tmp_path / "devices.csv", f"{HEADER}d1,,{MAC},192.0.2.2\n")
    assert feed.refresh(104.0) is True
    assert feed.refresh(106.0) is False
    table = read_clients(tmp_path)
    assert table.get("192.0.2.1") is None
    assert table.get("192.0.2.2") is not None
    (tmp_path / "leases").write_text(f"0 {MAC} 192.0.2.7 * *\n")
    assert feed.refresh(108.0) is True
    assert read_clients(tmp_path).get("192.0.2.7") is not None


def test_follows_leases_that_end(configuration: Configuration, tmp_path: Path) -> None:
    """Without any change of a file the table is compiled again now and then, because leases end."""
    feed = DeviceFeed(configuration, tmp_path)
    feed.refresh(100.0)
    assert feed.refresh(100.0 + EXPIRY_SECONDS - 1) is False
    assert feed.refresh(100.0 + EXPIRY_SECONDS) is True


def test_problems_are_logged_without_what_is_personal(
    configuration: Configuration, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says how many problems there are and where the first is, not what stands there."""
    feed = DeviceFeed(configuration, tmp_path)
    replace_file(tmp_path / "devices.csv", HEADER + "d1,,,ann-s-phone\nd1,,,192.0.2.1\n")
    with caplog.at_level(logging.WARNING):
        feed.refresh(10.0)
    (record,) = caplog.records
    assert "2 problems" in record.getMessage()
    assert "devices.csv:2: ip" in record.getMessage()
    assert "ann" not in record.getMessage()


def test_a_lost_inventory_keeps_devices(
    configuration: Configuration, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An inventory that disappears is reported, and its devices stay known."""
    feed = DeviceFeed(configuration, tmp_path)
    (tmp_path / "devices.csv").unlink()
    feed.refresh(10.0)
    assert "stay known" in caplog.text
    assert read_clients(tmp_path).get("192.0.2.1") is not None


def test_a_state_directory_that_is_gone(
    configuration: Configuration, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be published the old table stays, and one line says so."""
    feed = DeviceFeed(configuration, tmp_path / "gone")
    replace_file(tmp_path / "devices.csv", HEADER)
    assert feed.refresh(10.0) is False
    assert "cannot be published" in caplog.text
