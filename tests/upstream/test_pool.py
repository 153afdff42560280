"""The upstreams of one worker; that they stay over changes is proven with the forwarder."""

from dnsfilter.settings.forwarding import Forwarding
from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream.pool import Pool
from dnsfilter.wire.upstream_query import NO_COOKIE
from tests.fakes.forwarding import House

PIN = "sha256/" + "A" * 43 + "="


def make_pool(*upstreams: Upstream) -> Pool:
    pool = Pool(House().forwarder)
    pool.adopt(upstreams, Forwarding(), print, print)
    return pool


def test_finds_by_name_and_leaves_loops_out() -> None:
    """The longest suffix chooses, and what leads back to us is not found until it no longer does."""
    default = Upstream(servers=("192.0.2.1", "192.0.2.2"))
    pool = make_pool(default, Upstream(servers=("192.0.2.3",), domains=("corp.example",)))
    first, second = pool.find("www.example")
    (corporate,) = pool.find("www.corp.example")
    first.is_loop = corporate.is_loop = True
    pool.leave_out_loops()
    assert pool.find("www.example") == [second]
    assert pool.find("www.corp.example") == []
    first.is_loop = False
    pool.leave_out_loops()
    assert pool.find("www.example") == [first, second]


def test_who_vouches_makes_another_upstream() -> None:
    """An encrypted server with other pins is another one, and the one before is gone; a plain one stays what it was."""
    pool = make_pool(Upstream(servers=("tls://192.0.2.1", "192.0.2.2")))
    encrypted, plain = pool.find("")
    changed = Upstream(servers=("tls://192.0.2.1", "192.0.2.2"), pins=(PIN,))
    gone = pool.adopt([changed], Forwarding(cookies=False), print, print)
    assert gone == [encrypted]
    assert pool.find("")[0] is not encrypted
    assert pool.find("")[1] is plain
    assert plain.udp.opts == NO_COOKIE
