"""Answers that somebody else may have sent: never taken, asked for over TCP; the sockets are real."""

import pytest

from dnsfilter.upstream.attempts import WAITS
from dnsfilter.upstream.udp import CONCESSION
from dnsfilter.wire.letters import lower
from tests.fakes.forging import count_poisonings
from tests.fakes.forwarding import TICK, House, Run, Start
from tests.fakes.resolving import ADDRESS, addresses_in, make_response, rcode_of
from tests.fakes.upstream import Reaction, answer, change_case, change_id, change_question, echo, stay_silent

COOKIE, SERVER_COOKIE, OTHER_COOKIE = 10, b"S" * 16, b"T" * 8
BADCOOKIE_LOW, FORMERR = 7, 1


def client_cookie(query: bytes) -> bytes | None:
    """Return the cookie in a query of ours, None where it has none."""
    at = query.find(b"\0\x0a\0", len(query) - 40)
    return query[at + 4 :] if at > 0 else None


def with_cookie(message: bytes, cookie: bytes, extended: int = 0) -> bytes:
    """Return a response without OPT with one that holds a cookie."""
    option = COOKIE.to_bytes(2, "big") + len(cookie).to_bytes(2, "big") + cookie
    opt = b"\0\0\x29\x04\xd0" + bytes([extended, 0, 0, 0]) + len(option).to_bytes(2, "big") + option
    return message[:11] + b"\1" + message[12:] + opt


def return_cookie(query: bytes) -> list[bytes]:
    """Answer as a server that knows cookies."""
    cookie = client_cookie(query)
    if cookie is None:
        return answer(query)
    return [with_cookie(make_response(query), cookie[:8] + SERVER_COOKIE)]


@pytest.mark.parametrize("lie", [change_id, change_question, change_case, echo, lambda _: [b"x"]])
def test_a_lie_is_discarded_and_the_truth_asked_for(run: Run, start: Start, lie: Reaction) -> None:
    """After what does not match nothing more is taken from that socket, not even what is right; TCP has the answer."""

    async def test(house: House) -> None:
        upstream = start(lambda query: [*lie(query), make_response(query, "192.0.2.66")])
        house.adopt(upstream.text)
        assert addresses_in(await house.resolve()) == [ADDRESS]
        assert (len(upstream.queries), len(upstream.tcp_queries)) == (1, 1)
        assert house.count("suspected", upstream.text) == 1
        assert house.count("mismatch", upstream.text) >= 1
        assert house.count("answered", upstream.text) == 1
        assert house.count("error", upstream.text) == 0

    run(test)


def test_nobody_is_poisoned() -> None:
    """In trials of tens of thousands of forged answers each, none reaches a client or the cache."""
    assert count_poisonings(3, 20_000) == 0


def test_one_connection_takes_all_that_is_in_doubt(run: Run, start: Start) -> None:
    """However many queries one forged answer moves to TCP, they share one connection; each is asked there once."""

    async def test(house: House) -> None:
        upstream = start(stay_silent)
        house.adopt(upstream.text)
        for identifier in range(200):
            house.ask(f"n{identifier}.example", identifier)
        house.forwarder.flush()
        await house.settle(lambda: len(upstream.queries) == 200)
        for number in range(500):
            upstream.send(bytes([number >> 8, number & 0xFF]) + make_response(upstream.queries[0])[2:])
        await house.settle(lambda: len(house.responses) == 200)
        assert len(upstream.tcp_queries) == 200
        assert upstream.accepted == 1
        assert all(addresses_in(house.response(identifier)) == [ADDRESS] for identifier in range(200))

    run(test)


def test_what_others_ask_goes_on_over_udp(run: Run, start: Start) -> None:
    """A forged answer on one socket changes nothing for what is asked afterwards."""

    async def test(house: House) -> None:
        upstream = start(change_id)
        house.adopt(upstream.text)
        await house.resolve()
        upstream.udp = answer
        for identifier in range(2, 30):
            await house.resolve(f"n{identifier}.example", identifier)
        assert len(upstream.tcp_queries) == 1

    run(test)


def test_letters_are_random_and_come_back(run: Run, start: Start) -> None:
    """Each query has its own letters, the client gets its own back, and type A, which looks like a letter, stays."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        for identifier in range(40):
            response = await house.resolve(f"long-name-with-letters-{identifier}.example", identifier, 65)
            assert b"long-name-with-letters" in response
        names = [query[12 : query.index(b"\0", 12)] for query in upstream.queries]
        assert len({name[1:23] for name in names}) == 40
        assert all(
            query[12 + len(name) :].startswith(b"\0\0\x41\0\1")
            for query, name in zip(upstream.queries, names, strict=True)
        )
        house.adopt(upstream.text, randomize_case=False)
        await house.resolve("another.example", 99)
        assert b"another" in upstream.queries[-1]

    run(test)


def test_an_upstream_that_changes_letters_is_found_out(run: Run, start: Start) -> None:
    """One that does so over TCP too, where nobody forges, is asked in small letters for a while, then tried again."""

    async def test(house: House) -> None:
        upstream = start(change_case, change_case)
        house.adopt(upstream.text)
        await house.resolve()
        assert len(upstream.tcp_queries) == 1
        for identifier in range(2, 9):
            response = await house.resolve(f"NAME{identifier}.example", identifier)
            assert addresses_in(response) == [ADDRESS]
            assert b"\5NAME" in response
        assert all(lower(query[12:27]) == query[12:27] for query in upstream.queries[1:])
        assert len(upstream.tcp_queries) == 1
        upstream.udp = upstream.tcp = answer
        house.clock += CONCESSION + 1
        house.forwarder.report(house.clock)
        for identifier in range(9, 20):
            await house.resolve(f"name{identifier}.example", identifier)
        assert any(lower(query[12:27]) != query[12:27] for query in upstream.queries[-10:])

    run(test)


def test_an_upstream_that_changes_letters_and_has_no_tcp(run: Run, start: Start) -> None:
    """It is asked again in small letters within the time of one query, and then so from the beginning."""

    async def test(house: House) -> None:
        upstream = start(change_case, stay_silent)
        house.adopt(upstream.text)
        assert addresses_in(await house.resolve()) == [ADDRESS]
        assert len(upstream.queries) == 2
        assert addresses_in(await house.resolve("b.example", 2)) == [ADDRESS]
        assert len(upstream.queries) == 3

    run(test)


def test_an_upstream_that_drops_mixed_letters(run: Run, start: Start) -> None:
    """The last attempt is in small letters, so that even this one answers in time."""

    async def test(house: House) -> None:
        upstream = start(lambda query: answer(query) if query[12:30] == lower(query[12:30]) else [])
        house.adopt(upstream.text)
        house.ask("long-name-with-letters.example")
        house.advance(sum(WAITS[:-1]) + 2 * TICK)
        await house.settle(lambda: house.responses)
        assert addresses_in(house.response()) == [ADDRESS]
        assert len(upstream.queries) == len(WAITS)

    run(test)


def test_the_upstreams_cookie_is_kept_and_sent(run: Run, start: Start) -> None:
    """Ours stays the same over sockets, the upstream's is learned from its first answer and sent ever after."""

    async def test(house: House) -> None:
        upstream = start(return_cookie)
        house.adopt(upstream.text)
        for identifier in range(30):
            await house.resolve(f"n{identifier}.example", identifier)
        cookies = [client_cookie(query) or b"" for query in upstream.queries]
        assert len(set(upstream.peers)) > 1
        assert len({cookie[:8] for cookie in cookies[1:]}) == 1
        assert {cookie[8:] for cookie in cookies[5:]} == {SERVER_COOKIE}
        assert not upstream.tcp_queries
        house.adopt(upstream.text, cookies=False)
        await house.resolve("without.example", 99)
        assert client_cookie(upstream.queries[-1]) is None

    run(test)


def forge_cookie(query: bytes) -> list[bytes]:
    """Answer with another cookie than we sent."""
    return [with_cookie(make_response(query, "192.0.2.66"), b"X" * 8 + SERVER_COOKIE)]


def garble_cookie(query: bytes) -> list[bytes]:
    """Answer with a cookie of a length that there is not."""
    return [with_cookie(make_response(query, "192.0.2.66"), (client_cookie(query) or b"")[:8] + b"X")]


@pytest.mark.parametrize("lie", [forge_cookie, garble_cookie])
def test_another_cookie_is_a_forgery(run: Run, start: Start, lie: Reaction) -> None:
    """With the right ID, letters and socket, but not our cookie: discarded and counted, known to send one or not."""

    async def test(house: House) -> None:
        upstream = start(lie)
        house.adopt(upstream.text)
        assert addresses_in(await house.resolve()) == [ADDRESS]
        assert house.count("mismatch", upstream.text) == 1
        upstream.udp = return_cookie
        await house.resolve("b.example", 2)
        upstream.udp = lie
        assert addresses_in(await house.resolve("c.example", 3))[:1] == [ADDRESS]
        assert house.count("mismatch", upstream.text) == 2

    run(test)


def test_a_cookie_that_is_missing(run: Run, start: Start) -> None:
    """One that sent cookies and now does not is asked over TCP; when it sends none there either, none is expected."""

    async def test(house: House) -> None:
        upstream = start(return_cookie, return_cookie)
        house.adopt(upstream.text)
        await house.resolve()
        upstream.udp = lambda query: [make_response(query, "192.0.2.66")]
        for identifier in (2, 3):
            response = await house.resolve(f"n{identifier}.example", identifier)
            assert addresses_in(response)[:1] == [ADDRESS]
        assert len(upstream.tcp_queries) == 2
        upstream.udp = upstream.tcp = answer
        await house.resolve("d.example", 4)
        assert len(upstream.tcp_queries) == 3
        await house.resolve("e.example", 5)
        assert len(upstream.tcp_queries) == 3

    run(test)


def test_badcookie_is_answered_by_the_new_cookie(run: Run, start: Start) -> None:
    """A server that refuses our cookie says which it wants: the query is sent again with that, then over TCP."""

    def refuse(query: bytes) -> list[bytes]:
        cookie = client_cookie(query) or b""
        if cookie[8:] == OTHER_COOKIE:
            return [with_cookie(make_response(query), cookie)]
        return [with_cookie(make_response(query, rcode=BADCOOKIE_LOW), cookie[:8] + OTHER_COOKIE, extended=1)]

    async def test(house: House) -> None:
        upstream = start(refuse)
        house.adopt(upstream.text)
        assert addresses_in(await house.resolve())[:1] == [ADDRESS]
        assert (len(upstream.queries), len(upstream.tcp_queries)) == (2, 0)
        upstream.udp = lambda query: [
            with_cookie(
                make_response(query, rcode=BADCOOKIE_LOW), (client_cookie(query) or b"")[:8] + b"N" * 8, extended=1
            )
        ]
        assert addresses_in(await house.resolve("b.example", 2)) == [ADDRESS]
        assert (len(upstream.queries), len(upstream.tcp_queries)) == (4, 1)

    run(test)


def test_a_server_that_chokes_on_cookies(run: Run, start: Start) -> None:
    """FORMERR of one that never sent a cookie: asked again without, and so for a while."""

    async def test(house: House) -> None:
        upstream = start(lambda query: [make_response(query, rcode=FORMERR)] if client_cookie(query) else answer(query))
        house.adopt(upstream.text)
        assert addresses_in(await house.resolve()) == [ADDRESS]
        assert len(upstream.queries) == 2
        assert addresses_in(await house.resolve("b.example", 2)) == [ADDRESS]
        assert len(upstream.queries) == 3

    run(test)


def test_an_error_that_has_nothing_to_do_with_cookies(run: Run, start: Start) -> None:
    """FORMERR of one that knows cookies is its answer."""

    async def test(house: House) -> None:
        upstream = start(return_cookie)
        house.adopt(upstream.text)
        await house.resolve()
        upstream.udp = lambda query: [
            with_cookie(make_response(query, rcode=FORMERR), (client_cookie(query) or b"")[:8] + SERVER_COOKIE)
        ]
        assert rcode_of(await house.resolve("b.example", 2)) == FORMERR
        assert len(upstream.queries) == 2

    run(test)


@pytest.mark.parametrize("over_tcp", [stay_silent, lambda query: [make_response(query, tc=True)]])
def test_no_query_costs_more_than_three(run: Run, start: Start, over_tcp: Reaction) -> None:
    """Whatever an upstream does, one client query is asked at most three times, over UDP and TCP together."""

    async def test(house: House) -> None:
        upstream = start(change_id, over_tcp)
        house.adopt(upstream.text)
        house.ask()
        for _ in range(60):
            house.advance(TICK)
            await house.settle(lambda: True)
        assert len(upstream.queries) + len(upstream.tcp_queries) <= 3

    run(test)
