"""Twin of dnsfilter/feeds/container.py."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsfilter.errors import SnapshotError
from dnsfilter.feeds import container

MAGIC = b"testing\n"


def test_what_is_published_is_read(tmp_path):
    """Header and octets come back as they were."""
    container.publish(tmp_path / "file", MAGIC, {"a": [1, "ü"]}, b"\0octets")
    header, octets = container.read(tmp_path / "file", MAGIC)
    assert (header, bytes(octets)) == ({"a": [1, "ü"]}, b"\0octets")


def test_the_file_is_private(tmp_path):
    """Nobody but the owner may read what processes share."""
    container.publish(tmp_path / "file", MAGIC, {}, b"")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 63), flip=st.integers(1, 255))
def test_any_damaged_octet_is_noticed(tmp_path, position, flip):
    """A file with one octet changed, wherever, is refused with the one error that readers expect."""
    path = tmp_path / "file"
    container.publish(path, MAGIC, {"key": "value"}, b"octets")
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= flip
    path.write_bytes(data)
    with pytest.raises(SnapshotError):
        container.read(path, MAGIC)


@pytest.mark.parametrize("size", range(0, 60, 7))
def test_a_truncated_file_is_refused(tmp_path, size):
    """A file cut short on disk is refused, whatever is left of it."""
    path = tmp_path / "file"
    container.publish(path, MAGIC, {"key": "value"}, b"octets")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(SnapshotError):
        container.read(path, MAGIC)


def test_a_directory_that_is_gone_is_a_clear_error(tmp_path):
    """Publishing where nothing can be written names the file and leaves nothing behind."""
    with pytest.raises(SnapshotError, match="cannot be published"):
        container.publish(tmp_path / "gone" / "file", MAGIC, {}, b"")
