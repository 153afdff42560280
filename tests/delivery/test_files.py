"""Secrets and trust."""

from pathlib import Path

import pytest

from dnsfilter.delivery.files import load_trust, read_secret
from tests.fakes.origin import make_certificate


def test_reads_a_secret(tmp_path: Path) -> None:
    """A file that only its owner may read holds the secret, without the end of its line."""
    file = tmp_path / "secret"
    file.write_text(" correct horse \n")
    file.chmod(0o400)
    assert read_secret(str(file)) == "correct horse"


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (b"secret", 0o640, "has mode 0640"),
        (b"secret", 0o604, "has mode 0604"),
        (b" \n", 0o600, "is empty"),
        (b"\xff\xfe", 0o600, "is not UTF-8 text"),
    ],
)
def test_what_is_no_secret(tmp_path: Path, content: bytes, mode: int, complaint: str) -> None:
    """What others may read, or is no text, is refused; the message names the file and not what is in it."""
    file = tmp_path / "file"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(ValueError, match=complaint) as raised:
        read_secret(str(file))
    assert str(file) in str(raised.value)


def test_missing_files(tmp_path: Path) -> None:
    """A file that is not there is named."""
    missing = str(tmp_path / "missing")
    with pytest.raises(ValueError, match="missing: cannot be read: No such file"):
        read_secret(missing)
    with pytest.raises(ValueError, match="missing: no such file"):
        load_trust(missing)


def test_trust(tmp_path: Path) -> None:
    """A file takes the place of the system's trust; one without a certificate is named."""
    assert load_trust(str(make_certificate(tmp_path, "localhost"))).cert_store_stats()["x509"] == 1
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="empty: "):
        load_trust(str(tmp_path / "empty"))
