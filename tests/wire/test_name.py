"""Names: arbitrary octets, the other codec's compression, and labels that must not be mistaken for others."""

import pytest
from dnslib import DNSBuffer, DNSLabel
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.wire.name import MAX_NAME, MAX_POINTERS, from_text, join_labels, read_name, skip_name, to_text
from tests.fakes.messages import NAMES, to_wire

LONGEST = (b"a" * 63,) * 3 + (b"a" * 61,)


class Counted(bytes):
    """Octets that count how often one of them was looked at."""

    looks = 0

    def __getitem__(self, key):
        """Count single octets; slices are labels."""
        Counted.looks += 1
        return super().__getitem__(key)


@given(st.binary(max_size=600), st.integers(0, 600))
def test_arbitrary_octets(message, offset):
    """Whatever stands there is a name of at most 255 octets that ends inside the message, or a WireError."""
    try:
        name, end = read_name(message, offset, 0)
    except WireError:
        return
    assert len(name) <= MAX_NAME
    assert offset < end <= len(message)
    assert skip_name(message, offset) == end
    assert to_text(name)


@given(st.lists(NAMES, min_size=1, max_size=6), st.binary(max_size=40))
def test_agrees_with_dnslib_on_compressed_names(names, prefix):
    """Names that the other codec compressed come out as they went in, and end where they ended."""
    buffer = DNSBuffer()
    buffer.append(prefix)
    places = []
    for name in names:
        start = len(buffer.data)
        buffer.encode_name(DNSLabel(list(name)))
        places.append((start, len(buffer.data)))
    message = bytes(buffer.data)
    for name, (start, end) in zip(names, places, strict=True):
        assert read_name(message, start, 0) == (to_wire(name), end)


@given(NAMES)
def test_text_and_back(name):
    """Text stands for exactly one name: back on the wire it is the same, in lower case (RFC 4343)."""
    wire = to_wire(name)
    text = to_text(wire)
    assert from_text(text) == wire.lower()
    assert text == join_labels(list(name))
    assert (len(text.split(".")) if text != "." else 0) == len(name)


@given(st.binary(max_size=300))
def test_text_of_arbitrary_octets(wire):
    """Octets without an end are a WireError and nothing else."""
    try:
        assert to_text(wire)
    except WireError:
        assert 0 not in wire or wire[0]


@given(st.text(max_size=300) | st.text("a.\\0129", max_size=40))
def test_arbitrary_text(text):
    """Text is a name that says the same again, or a WireError."""
    try:
        wire = from_text(text)
    except WireError:
        return
    assert len(wire) <= MAX_NAME
    assert from_text(to_text(wire)) == wire.lower()


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((), "."),
        ((b"WWW", b"Example"), "www.example"),
        ((b"a.b",), r"a\046b"),
        ((b"a\0", b"\xff"), r"a\000.\255"),
        ((b"_dns", b"a-b"), "_dns.a-b"),
        ((b"a b*",), r"a\032b\042"),
        ((b"\\046",), r"\092046"),
    ],
)
def test_canonical_text(labels, text):
    """Lower case, and every octet that could be mistaken for something else as a number."""
    assert to_text(to_wire(labels)) == text
    assert from_text(text) == to_wire(labels).lower()


@pytest.mark.parametrize("text", ["", "..", "a..b", ".a", "a..", "a" * 64, r"\256", "ü", ".".join(["a" * 63] * 4)])
def test_text_that_is_no_name(text):
    """Empty and long labels, long names and what is no octet are refused."""
    with pytest.raises(WireError):
        from_text(text)


def test_longest_name():
    """RFC 1035 section 2.3.4: names have 255 octets or less."""
    wire = to_wire(LONGEST)
    assert len(wire) == MAX_NAME
    assert read_name(wire, 0, 0) == (wire, MAX_NAME)
    assert from_text(to_text(wire)) == wire
    with pytest.raises(WireError, match="too long"):
        read_name(to_wire((b"a", *LONGEST)), 0)


@pytest.mark.parametrize(
    ("message", "offset", "why"),
    [
        (b"\xc0\x00", 0, "backwards"),  # itself
        (b"\xc0\x02\1a\0", 0, "backwards"),  # forward
        (b"\1a\xc0\x00", 0, "backwards"),  # into its own beginning: a loop
        (b"\xc0\x02\xc0\x00", 2, "backwards"),  # two that point at each other
        (b"\1a\0\xc0\x00\xc0", 5, "ends inside"),
        (b"\x40abc\0", 0, "label type"),  # RFC 6891 section 5: 0b01 marked extended label types
        (b"\x80abc\0", 0, "label type"),  # RFC 1035 section 4.1.4: 10 and 01 are reserved
        (b"\3abc", 0, "ends inside"),
        (b"\3ab", 0, "ends inside"),
        (b"", 0, "ends inside"),
        (b"\0", 1, "ends inside"),
    ],
)
def test_malformed(message, offset, why):
    """RFC 1035 section 4.1.4: a pointer points to a *prior* occurrence; RFC 9267 section 2: check that it does."""
    with pytest.raises(WireError, match=why):
        read_name(message, offset, 0)


@pytest.mark.parametrize("target", [0, 2, 11])
def test_no_name_begins_in_the_header(target):
    """A name that a pointer finds in the header would be another one as soon as the ID or a count is."""
    message = b"\1a" * 6 + b"\1b\0" + (0xC000 | target).to_bytes(2, "big")
    with pytest.raises(WireError, match="backwards"):
        read_name(message, len(message) - 2)
    assert read_name(message[:-1] + b"\x0c", len(message) - 2)[0] == b"\1b\0"


def test_compression_cannot_make_a_name_longer_than_it_may_be():
    """RFC 9267 section 3: the length of the whole name counts, not that of its parts."""
    half = (b"a" * 63,) * 3
    message = to_wire(half) + b"\x3f" + b"b" * 63 + b"\xc0\x00"
    with pytest.raises(WireError, match="too long"):
        read_name(message, len(to_wire(half)), 0)


def chain(length):
    """Return a message in which each pointer leads to the one before, the first to the name `a`."""
    message = b"\1a\0"
    for index in range(length):
        message += (0xC000 | (0 if not index else 1 + 2 * index)).to_bytes(2, "big")
    return message


def test_chain_of_pointers_is_bounded():
    """Thousands of pointers in a row cost no more than a few dozen steps."""
    short = chain(MAX_POINTERS - 1)
    assert read_name(short, len(short) - 2, 0)[0] == b"\1a\0"
    message = Counted(chain(8000))
    Counted.looks = 0
    with pytest.raises(WireError, match="pointers"):
        read_name(message, len(message) - 2, 0)
    assert Counted.looks <= 4 * MAX_POINTERS
