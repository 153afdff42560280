"""What is let in as the text of a list, piece by piece as it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.feeds import screening
from dnsfilter.feeds.screening import MAX_LINE, RefusedError, Screen

KILOBYTE = 1024
SIGNATURE = 16
"""Octets that hold any of the beginnings by which formats are known."""


def screen(data: bytes, size: int = 1 << 20) -> str:
    """Return the text of octets that come in pieces of a size."""
    found = Screen()
    text = "".join(found.pass_on(data[start : start + size]) for start in range(0, len(data), size))
    found.finish()
    return text


def refusal(data: bytes, size: int = 1 << 20) -> tuple[str, int]:
    """Return why octets are refused, and on which line."""
    with pytest.raises(RefusedError) as caught:
        screen(data, size)
    return str(caught.value), caught.value.line


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1), st.integers(1, 9)
)
def test_text_passes_whole(text: str, size: int) -> None:
    """Whatever the pieces, text comes out as it went in, also where they cut characters; pages aside."""
    try:
        assert screen(text.encode(), size) == text
    except RefusedError as refused:
        assert "HTML" in str(refused)  # noqa: PT017 - most texts are none


@given(st.binary(min_size=1, max_size=200), st.integers(1, 50))
def test_octets_pass_or_are_refused(data: bytes, size: int) -> None:
    """Whatever the octets, they are text of which nothing is lost, or refused, however they are cut."""
    try:
        text = screen(data, size)
    except RefusedError:
        with pytest.raises(RefusedError):
            screen(data)
        return
    assert text.encode() == data


@pytest.mark.parametrize("size", [1, 3, SIGNATURE, KILOBYTE])
@pytest.mark.parametrize(
    ("data", "reason", "line"),
    [
        (b"", "is empty", 0),
        (b"\x1f\x8b\x08rest", "is gzip, not a list as text", 0),
        (b"\x28\xb5\x2f\xfdrest", "is zstd", 0),
        (b"\xfd7zXZ\0rest", "is xz", 0),
        (b"BZh9rest", "is bzip2", 0),
        (b"PK\x03\x04rest", "is zip", 0),
        (b"%PDF-1.7\n", "is PDF", 0),
        (b"\x7fELF\x02", "is a program", 0),
        (b"\xff\xfea\0", "is UTF-16", 0),
        (b"SQLite format 3\0", "is a database", 0),
        (b"<!DOCTYPE html>", "this is HTML or XML", 1),
        (b"\xef\xbb\xbf \n<HTML>", "this is HTML or XML", 1),
        (b"  <?xml version='1.0'?>", "this is HTML or XML", 1),
        (b"<Error><Code>NoSuchKey", "this is HTML or XML", 1),
        (b"a.example\nb\x00.example\n", "is not text: octet 0x00", 2),
        (b"a.example\n\nc\x1b[0m.example\n", "is not text: octet 0x1b", 3),
        (b"a.example\n\xe9t\xe9.example\n", "is not UTF-8 text", 2),
        (b"a.example\nb.example\xc3", "is not UTF-8 text", 2),
    ],
)
def test_what_is_no_list(data: bytes, reason: str, line: int, size: int) -> None:
    """Archives, programs, pages, other encodings and control characters are refused by name and place."""
    told, place = refusal(data, size)
    if size < SIGNATURE and reason not in told:  # cut like that, what a signature is made of is no text already
        assert "is not text" in told or "is not UTF-8 text" in told
    else:
        assert (reason in told, place) == (True, line)


@pytest.mark.parametrize("size", [1000, MAX_LINE, 1 << 20])
def test_long_lines(size: int) -> None:
    """A line of the greatest length passes, one octet more does not, wherever the pieces are cut."""
    head = b"a.example\n" * 7
    assert len(screen(head + b"#" * MAX_LINE + b"\n" + head, size)) == 2 * len(head) + MAX_LINE + 1
    for tail in (b"", b"\n", b"\nb.example\n"):
        told, _ = refusal(head + b"#" * (MAX_LINE + 1) + tail, size)
        assert told == "has a line of more than 64 KiB"


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 60))
def test_every_long_line_is_found(lengths: list[int], size: int) -> None:
    """A text is refused exactly when one of its lines is longer than allowed."""
    bound, screening.MAX_LINE = screening.MAX_LINE, 20
    try:
        data = b"\n".join(b"x" * length for length in lengths) or b"\n"
        if any(length > 20 for length in lengths):
            assert "has a line" in refusal(data, size)[0]
        else:
            assert len(screen(data, size)) == len(data)
    finally:
        screening.MAX_LINE = bound


def test_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are counted over all pieces."""
    monkeypatch.setattr(screening, "MAX_LINES", 5)
    assert screen(b"a\n" * 4, 3) == "a\n" * 4
    assert refusal(b"a\n" * 5, 3)[0] == "has more than 5 lines"


def test_too_many_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Octets are counted before anything is made of them."""
    monkeypatch.setattr(screening, "MAX_BYTES", 2 << 20)
    piece = b"a.example\n" * 1000
    assert len(screen(piece * 200)) == 200 * len(piece)
    assert refusal(piece * 210, len(piece))[0] == "is larger than 2 MiB"
