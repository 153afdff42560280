"""What clients get, through real dig and kdig: the sinkhole, everything else, transports, caching, truncation."""

import pytest

from tests.e2e.server import SINKHOLE_IPV4, SINKHOLE_IPV6, SINKHOLE_TTL, Server
from tests.e2e.unbound import LONG_STRINGS, Unbound
from tests.processes import wait_until

LISTED = "www.tiktok.com"


@pytest.mark.parametrize("program", ["dig", "kdig"])
@pytest.mark.parametrize("server_address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize(("qtype", "address"), [("A", SINKHOLE_IPV4), ("AAAA", SINKHOLE_IPV6)])
def test_sinkholes_a_listed_name(
    server: Server, program: str, server_address: str, transport: str, qtype: str, address: str
) -> None:
    """A listed name has the sinkhole's address over every transport and address family."""
    answer = server.dig(LISTED, qtype, transport, server=server_address, program=program)
    assert answer.status == "NOERROR"
    assert [(record.owner, record.rdata) for record in answer.answer] == [(f"{LISTED}.", address)]
    assert 0 < answer.answer[0].ttl <= SINKHOLE_TTL
    assert {"qr", "rd", "ra"} <= answer.flags
    assert not {"ad", "aa", "tc"} & answer.flags


@pytest.mark.parametrize("qtype", ["HTTPS", "SVCB", "TXT", "MX", "NS", "SOA", "CNAME", "TYPE65280", "ANY"])
def test_listed_name_has_no_other_data(server: Server, qtype: str) -> None:
    """Every type but A and AAAA is NODATA with an SOA, so that no HTTPS record leads around the sinkhole."""
    answer = server.dig(LISTED, qtype)
    assert answer.status == "NOERROR"
    assert answer.answer == []
    assert [record.rtype for record in answer.authority] == ["SOA"]


@pytest.mark.parametrize(
    "name", ["tiktok.com", "WwW.TikTok.COM", "a.b.c.tiktokv.eu", "api16-normal-useast5.tiktokv.us"]
)
def test_sinkholes_regional_and_deep_names(server: Server, name: str) -> None:
    """Names below a listed suffix, in any case, are listed; the answer keeps the case of the question."""
    answer = server.dig(name)
    assert answer.rdata("A") == [SINKHOLE_IPV4]
    assert answer.answer[0].owner == f"{name}."


@pytest.mark.parametrize("name", ["nottiktok.com", "tiktok.com.example", "www.example"])
def test_leaves_similar_names_alone(server: Server, name: str) -> None:
    """A name that only looks like a listed one is not sinkholed."""
    assert SINKHOLE_IPV4 not in server.dig(name).rdata("A")


@pytest.mark.parametrize("program", ["dig", "kdig"])
def test_says_why_it_was_blocked(server: Server, program: str) -> None:
    """A blocked answer carries an extended error (RFC 8914), and none goes out to a client without EDNS."""
    answer = server.dig(LISTED, "+edns=0", program=program)
    assert set(answer.ede) & {4, 15, 17}, answer.text
    assert server.dig(LISTED, "+noedns", program=program).ede == ()


@pytest.mark.parametrize("name", ["cloaked.example", "deep.example"])
def test_checks_cname_targets(server: Server, name: str) -> None:
    """A harmless name whose alias leads to a listed one does not give out the listed one's address."""
    for _ in range(2):
        answer = server.dig(name)
        assert "192.0.2.99" not in answer.text
        assert answer.rdata("A") == [SINKHOLE_IPV4]


@pytest.mark.parametrize(
    ("name", "qtype", "expected"),
    [
        ("www.example", "A", ["192.0.2.10", "192.0.2.11"]),
        ("www.example", "AAAA", ["2001:db8::10"]),
        ("chain.example", "A", ["192.0.2.10", "192.0.2.11"]),
        ("mail.example", "MX", ["10 mx.example."]),
        ("mail.example", "TXT", ['"v=spf1 -all"']),
    ],
)
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_resolves_everything_else(server: Server, transport: str, name: str, qtype: str, expected: list[str]) -> None:
    """Names on no list get what the upstream has, over UDP and TCP, also the second time."""
    for _ in range(2):
        answer = server.dig(name, qtype, transport)
        assert (answer.status, answer.rdata(qtype)) == ("NOERROR", expected)


def test_counts_ttl_down_without_asking_again(server: Server, upstream: Unbound) -> None:
    """A cached answer ages and costs the upstream nothing."""
    first = server.dig("short.example")
    wait_until(lambda: server.dig("short.example").answer[0].ttl < first.answer[0].ttl, "the TTL counts down", 3)
    assert upstream.count("short.example") == 1


def test_forgets_after_the_ttl(server: Server, upstream: Unbound) -> None:
    """An answer older than its TTL is asked for again."""
    server.dig("short.example")
    before = upstream.count("short.example")
    wait_until(lambda: server.dig("short.example") and upstream.count("short.example") > before, "asked again", 6)


@pytest.mark.parametrize(
    ("name", "qtype", "status"), [("absent.example", "A", "NXDOMAIN"), ("mail.example", "AAAA", "NOERROR")]
)
def test_caches_negative_answers(server: Server, upstream: Unbound, name: str, qtype: str, status: str) -> None:
    """NXDOMAIN and NODATA are kept for the SOA's time (RFC 2308)."""
    for _ in range(3):
        answer = server.dig(name, qtype)
        assert (answer.status, answer.answer) == (status, [])
        assert [record.rtype for record in answer.authority] == ["SOA"]
        assert answer.authority[0].ttl <= 60
    assert upstream.count(name, qtype) == 1


@pytest.mark.parametrize("options", [("+noedns",), ("+edns=0", "+bufsize=512"), ("+edns=0", "+bufsize=1232")])
def test_truncates_what_does_not_fit(server: Server, options: tuple[str, ...]) -> None:
    """An answer longer than the client can take has TC set; the whole of it comes over TCP."""
    assert "tc" in server.dig("long.example", "TXT", "+ignore", *options).flags
    whole = server.dig("long.example", "TXT", *options)
    assert "tc" not in whole.flags
    assert whole.rdata("TXT")[0].count('"') == 2 * LONG_STRINGS


def test_fits_what_the_client_can_take(server: Server) -> None:
    """An answer between 512 and 1232 octets is whole with EDNS and truncated without."""
    assert "tc" in server.dig("sixty.example", "A", "+ignore", "+noedns").flags
    answer = server.dig("sixty.example", "A", "+ignore", "+edns=0", "+bufsize=1232")
    assert "tc" not in answer.flags
    assert len(answer.rdata("A")) == 60


def test_answers_edns_with_edns(server: Server) -> None:
    """EDNS is answered with EDNS, a higher version with BADVERS, none with none (RFC 6891)."""
    assert "EDNS: version: 0" in server.dig("www.example", "+edns=0").text
    assert "EDNS:" not in server.dig("www.example", "+noedns").text
    assert server.dig(LISTED, "+edns=1", "+noednsneg").status == "BADVERS"


def test_pipelines_over_one_connection(server: Server) -> None:
    """One TCP connection carries several queries (RFC 7766)."""
    answer = server.dig("+keepopen", "+tcp", "www.example", LISTED)
    assert SINKHOLE_IPV4 in answer.text
    assert "192.0.2.10" in answer.text
