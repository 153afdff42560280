"""The OPT record of a response: its options, and what gives way where there is no room."""

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.opt import build_extended_error, build_opt, build_option
from dnsfilter.wire.query import Query, read_options
from tests.fakes.messages import ask, edns

ERRORS = (build_extended_error(15, "x" * 100), build_extended_error(15))


def test_an_extended_error():
    """RFC 8914 section 2: option 15, the code, UTF-8."""
    assert build_extended_error(18, "ä") == b"\0\x0f\0\4\0\x12\xc3\xa4"


@given(st.integers(0, 400), st.integers(0, 100), st.integers(512, 1232))
def test_the_first_error_that_fits(body_size, option_size, limit):
    """Options that the query asked for stay; of the errors the longest that leaves the response within its limit."""
    query = Query(ask("www.example", opt=edns()))
    query.limit = limit
    query.reply_options = build_option(3, bytes(option_size))
    record = build_opt(query, 0, body_size, ERRORS)
    options = read_options(record[11:])
    size = 12 + len(query.question) + body_size
    room = limit - size - 11 - 4 - option_size
    expected = next((error[4:] for error in ERRORS if len(error) <= room), None)
    assert options[3] == bytes(option_size)
    assert options.get(15) == expected
    assert expected is None or size + len(record) <= limit
