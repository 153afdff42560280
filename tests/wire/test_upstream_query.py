"""What an upstream is asked: the client's question, and nothing else of the client."""

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.query import Query
from dnsfilter.wire.upstream_query import build_packet, make_opts
from tests.fakes.messages import ask, edns, opts, parse
from tests.wire.test_query import QUERIES

CLIENT_SUBNET, COOKIE = 8, 10


@given(QUERIES)
def test_only_the_question_passes(message):
    """RD and AD set, DO and CD the client's (RFC 4035 section 4.9), our payload, no options."""
    query = Query(message)
    asked = parse(b"\0\7" + build_packet(query, query.question))
    assert asked.q.qname.label == parse(message).q.qname.label
    assert (asked.q.qtype, asked.q.qclass) == (query.qtype, query.qclass)
    assert asked.header.bitmap == 0x0120 | query.flags & 0x0010
    (opt,) = opts(asked)
    assert (opt.rclass, opt.ttl, list(opt.rdata)) == (1232, 0x8000 if query.do else 0, [])


@given(st.binary(min_size=8, max_size=20))
def test_client_subnet_and_cookies_stay_here(data):
    """Nothing of an EDNS option is in what goes out."""
    query = Query(ask("a.example", opt=edns(options=[(CLIENT_SUBNET, data), (COOKIE, data)])))
    plain = Query(ask("a.example"))
    assert build_packet(query, query.question) == build_packet(plain, plain.question)


@given(st.booleans(), st.binary(min_size=8, max_size=40))
def test_our_own_cookie(do, cookie):
    """A cookie that we have for an upstream is the only option, beside DO or not."""
    query = Query(ask("a.example", opt=edns(do=do)))
    (opt,) = opts(parse(b"\0\7" + build_packet(query, query.question, make_opts(cookie))))
    assert [(option.code, option.data) for option in opt.rdata] == [(COOKIE, cookie)]
    assert opt.ttl == (0x8000 if do else 0)
