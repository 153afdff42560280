"""Lists named on the command line."""

from pathlib import Path

import pytest

from dnsfilter.cli.list_files import is_same_list, read_file
from dnsfilter.config import Configuration
from dnsfilter.errors import InputError
from dnsfilter.model import ListFormat
from dnsfilter.settings.order import Blocklist


def test_the_syntax_is_given_configured_or_guessed(tmp_path: Path) -> None:
    """What is given beats what is configured for that file, and that beats the guess."""
    file = tmp_path / "list.txt"
    file.write_text("a.example\n")
    configured = Configuration.model_validate(
        {"blocklists": [{"name": "x", "file": "list.txt", "format": "hosts"}, {"name": "y", "file": "absent.txt"}]}
    )
    assert read_file(str(file), None).suffixes == ["a.example"]
    assert read_file(str(file), ListFormat.DOMAINS, configured, tmp_path).suffixes == ["a.example"]
    with pytest.raises(InputError, match="not an address"):
        read_file(str(file), None, configured, tmp_path)
    file.write_text("0.0.0.0 a.example\n")
    assert read_file(str(file), None).exacts == ["a.example"]


def test_a_shipped_list_is_found_by_its_name() -> None:
    """A bare name that is no file here is one of the shipped lists."""
    assert read_file("tiktok.yaml", None).app == "tiktok"
    with pytest.raises(InputError, match="there is no such file"):
        read_file("absent.yaml", None)


def test_the_same_list(tmp_path: Path) -> None:
    """Two lists are the same where their files are, however they are named."""
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "b.txt").symlink_to("a.txt")
    one, other, third = (Blocklist(name="x", file=name) for name in ("a.txt", str(tmp_path / "b.txt"), "c.txt"))
    assert is_same_list(one, other, tmp_path)
    assert not is_same_list(one, third, tmp_path)


def test_a_file_is_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name is looked up where the command was given, wherever the configuration is."""
    (tmp_path / "own.txt").write_text("a.example\n")
    monkeypatch.chdir(tmp_path)
    assert read_file("own.txt", None, Configuration(), tmp_path.parent).suffixes == ["a.example"]
