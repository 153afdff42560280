"""Where the text of a blocklist comes from."""

import os

import pytest

from dnsfilter.errors import InputError
from dnsfilter.feeds import screening, sources
from dnsfilter.feeds.sources import copy_path, find_list, read_list
from dnsfilter.settings.order import Blocklist

URL = Blocklist(name="sub", url="https://lists.example/a")


def blocklist(file):
    return Blocklist(name="own", file=file)


def test_a_bare_name_is_looked_up_twice(tmp_path):
    """A shipped list is found by its name, and one beside the configuration takes its place."""
    assert find_list("tiktok.yaml", tmp_path) == sources.SHIPPED / "tiktok.yaml"
    own = tmp_path / "tiktok.yaml"
    own.write_text("app: own")
    assert find_list("tiktok.yaml", tmp_path) == own


def test_a_path_is_taken_as_it_is(tmp_path):
    """A path is relative to the configuration or absolute, and never leads to the shipped lists."""
    (tmp_path / "lists").mkdir()
    own = tmp_path / "lists" / "own.txt"
    own.write_text("a.example")
    assert find_list("lists/own.txt", tmp_path) == own
    assert find_list(str(own), tmp_path / "elsewhere") == own
    with pytest.raises(InputError, match="looked for"):
        find_list("./tiktok.yaml", tmp_path)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    """The message names the file and both places."""
    with pytest.raises(InputError) as refusal:
        find_list("no.txt", tmp_path)
    assert str(refusal.value) == (
        f"no.txt: there is no such file: looked for {tmp_path / 'no.txt'} and {sources.SHIPPED / 'no.txt'}"
    )


def test_text_file_and_time(tmp_path):
    """Text without byte order mark, the path for messages and the time of last change."""
    own = tmp_path / "own.txt"
    own.write_bytes(b"\xef\xbb\xbfa.example\r\n")
    os.utime(own, (1000, 1000))
    assert read_list(blocklist("own.txt"), tmp_path) == ("a.example\r\n", str(own), 1000.0)


def test_text_that_is_not_utf_8(tmp_path):
    """The message names file and line."""
    (tmp_path / "own.txt").write_bytes(b"a.example\nb\xfc.example\n")
    with pytest.raises(InputError, match=r"own\.txt:2: is not UTF-8 text: invalid start byte 0xfc"):
        read_list(blocklist("own.txt"), tmp_path)


def test_a_file_that_is_too_large(tmp_path, monkeypatch):
    """A file beyond the limit is refused instead of filling the memory."""
    monkeypatch.setattr(screening, "MAX_BYTES", 1 << 20)
    with (tmp_path / "own.txt").open("wb") as file:
        file.write(b"a.example\n" * (1 << 17))
    with pytest.raises(InputError, match="larger than 1 MiB"):
        read_list(blocklist("own.txt"), tmp_path)


def test_a_directory_is_no_list(tmp_path):
    """What is no file is not found."""
    (tmp_path / "own.txt").mkdir()
    with pytest.raises(InputError, match="there is no such file"):
        read_list(blocklist("own.txt"), tmp_path)


def test_a_file_that_cannot_be_read(tmp_path):
    """The message gives the system's reason."""
    with pytest.raises(InputError, match="/proc/self/mem: cannot be read: Input/output error"):
        read_list(blocklist("/proc/self/mem"), tmp_path)


def test_a_subscription_is_read_from_its_last_copy(tmp_path):
    """A list with a URL is what was downloaded last, and an error before the first download."""
    with pytest.raises(InputError, match=r"sub: https://lists\.example/a has not been downloaded yet"):
        read_list(URL, tmp_path, tmp_path)
    with pytest.raises(InputError, match="has not been downloaded yet"):
        read_list(URL, tmp_path)
    copy_path(URL, tmp_path).write_text("a.example")
    assert read_list(URL, tmp_path, tmp_path)[0] == "a.example"
