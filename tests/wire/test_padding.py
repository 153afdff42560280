"""Padding (RFC 7830, RFC 8467): responses of one size say nothing of their content."""

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.codes import Class, Option, Rcode, Type
from dnsfilter.wire.framing import MAX_MESSAGE
from dnsfilter.wire.opt import build_extended_error
from dnsfilter.wire.padding import BLOCK, QUERY_BLOCK, pad, wants_padding
from dnsfilter.wire.query import RECORD, Query
from dnsfilter.wire.response import POINTER_TO_QNAME, Records, build_address, build_response, build_soa

PADDING = bytes([0, 12, 0, 0])
COOKIE = bytes([0, 10, 0, 8]) + b"\0\x0c" * 4


def ask(options: bytes | None) -> Query:
    """Return a query with these EDNS options, None for no OPT."""
    opt = b"" if options is None else b"\0\0\x29\4\xd0\0\0\0\0" + len(options).to_bytes(2, "big") + options
    head = b"\x12\x34\1\0\0\1\0\0\0\0\0" + bytes([options is not None])
    return Query(head + b"\3www\7example\0\0\1\0\1" + opt)


@pytest.mark.parametrize(
    ("options", "expected"),
    [(None, False), (b"", False), (COOKIE, False), (PADDING, True), (COOKIE + PADDING, True)],
)
def test_wants_padding(options, expected):
    """Only the padding option itself asks for padding, whatever octets other options hold."""
    assert wants_padding(ask(options)) is expected


@given(text=st.text(max_size=700))
def test_every_response_fills_blocks(text):
    """A padded response is a multiple of the block, and otherwise what it was."""
    query = ask(PADDING)
    query.limit = MAX_MESSAGE
    errors = [build_extended_error(15, text)]
    response = build_response(query, Rcode.NOERROR, build_address(1, bytes(4), 60), errors=errors)
    padded = pad(response)
    assert len(padded) % BLOCK == 0
    options = DNSRecord.parse(padded).ar[0].rdata
    assert [option.code for option in options] == [Option.EDE, Option.PADDING]
    assert not any(options[1].data)


@given(length=st.integers(1, 60), options=st.sampled_from([b"", COOKIE]))
def test_queries_have_blocks_of_their_own(length, options):
    """A query of ours is a multiple of its smaller block (RFC 8467 section 4.1), with whatever options it has."""
    opt = b"\0\0\x29\4\xd0\0\0\0\0" + len(options).to_bytes(2, "big") + options
    query = b"\x12\x34\1\0\0\1\0\0\0\0\0\1" + bytes([length]) + b"x" * length + b"\0\0\1\0\1" + opt
    padded = pad(query, QUERY_BLOCK)
    assert len(padded) % QUERY_BLOCK == 0
    assert wants_padding(Query(padded))


def test_without_opt_nothing_is_added():
    """A response without OPT cannot be padded (RFC 7830 section 4)."""
    response = build_response(ask(None), Rcode.NXDOMAIN, build_soa(60))
    assert pad(response) == response


def test_a_header_alone_stays():
    """A response that is only a header has no record, and nothing of its question is taken for one."""
    assert pad(bytes(12)) == bytes(12)
    nothing = build_response(Query(b"\0\1\1\0\0\1" + bytes(6) + b"\0\x29\1\0\1"), Rcode.NXDOMAIN)
    assert pad(nothing) == nothing


@pytest.mark.parametrize("octets", range(MAX_MESSAGE - 2 * BLOCK, MAX_MESSAGE + 1, 13))
def test_no_message_grows_beyond_what_a_frame_holds(octets):
    """A long response is filled up to the longest message at most (RFC 8467 section 4.1)."""
    query = ask(PADDING)
    query.limit = MAX_MESSAGE
    head = POINTER_TO_QNAME + RECORD.pack(Type.TXT, Class.IN, 60, 0)
    size = octets - len(build_response(query, Rcode.NOERROR)) - len(head)
    text = Records(1, body=POINTER_TO_QNAME + RECORD.pack(Type.TXT, Class.IN, 60, size) + bytes(size))
    response = build_response(query, Rcode.NOERROR, text)
    assert len(response) == octets
    padded = pad(response)
    assert len(padded) == min(-(-(octets + 4) // BLOCK) * BLOCK, MAX_MESSAGE)
