"""What the EDNS options of a query earn it: on their own, and on the way through the whole resolver."""

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter import edns as module
from dnsfilter.config import Configuration
from dnsfilter.edns import Edns
from dnsfilter.model import Outcome, Transport
from dnsfilter.wire.cookie import is_ours
from dnsfilter.wire.query import Query, read_options
from tests.fakes.messages import ask, edns, extended_errors, opts, parse
from tests.fakes.world import Upstream, World, catalogue

NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()
OLD, NEW = bytes(range(16)), bytes(range(16, 32))
CLIENT, ADDRESS = b"8octets!", b"\x0a\1\0\1"
ASKER, NEIGHBOUR, STRANGER = "10.1.0.1", "10.1.0.2", "192.0.2.1"
NSID, COOKIE, KEEPALIVE = 3, 10, 11
NOERROR, FORMERR, REFUSED, BADCOOKIE = 0, 1, 5, 23
UNKNOWN = (65001, b"x")


def decide(*options, secrets=(NEW,), transport=Transport.UDP, now=NOW, address=ADDRESS, **settings):
    """Return the rcode, the options of the response, and the query with what was decided about it."""
    query = Query(ask("www.example", opt=edns(options=options)))
    decider = Edns(Configuration.model_validate(settings), secrets)
    rcode = decider.prepare(query, address, transport, now)
    return rcode, read_options(query.reply_options), query


def cookie(now=NOW, secret=NEW, address=ADDRESS):
    """Return the cookie that a client has of us since `now`."""
    return decide((COOKIE, CLIENT), secrets=(secret,), now=now, address=address)[1][COOKIE]


def world(**settings):
    """Return a world with one blocked list, one name upstream, and a secret."""
    configuration = Configuration.model_validate(
        {
            "blocklists": [{"name": "banned", "file": "x.yaml"}],
            "policies": [{"name": "ban", "blocklists": ["banned"], "phases": {"enforce": "2023-01-01"}}],
            "records": ["own.corp. 300 A 10.9.9.9"],
            **settings,
        }
    )
    listed = catalogue("banned", {"entries": [{"suffix": "listed.test", "role": "web", "grade": "weak"}]})
    return World(configuration, [listed], Upstream(["www.example. 300 A 192.0.2.7"]), NOW, secrets=[NEW])


def read(message):
    """Return the extended rcode and the options of a response."""
    response = parse(message)
    (opt,) = opts(response)
    return opt.ttl >> 24 << 4 | response.header.rcode, {option.code: bytes(option.data) for option in opt.rdata}


def query(name="www.example", *options, identifier=0x1234):
    """Return a query with options."""
    return ask(name, opt=edns(options=options), identifier=identifier)


def questionless(*options):
    """Return a query with OPT and no question."""
    data = b"".join(struct.pack("!HH", code, len(data)) + data for code, data in options)
    return bytes.fromhex("1234 0100 0000 0000 0000 0001 00 0029 04d0 00000000") + struct.pack("!H", len(data)) + data


def test_first_visit():
    """RFC 7873 section 5.2.3: who has only a client cookie is answered, with a server cookie, and not yet verified."""
    rcode, options, asked = decide((COOKIE, CLIENT))
    assert rcode == NOERROR
    assert options[COOKIE].startswith(CLIENT)
    assert is_ours(NEW, options[COOKIE], ADDRESS)
    assert not asked.has_valid_cookie
    assert not asked.is_shareable


@pytest.mark.parametrize(
    ("age", "is_valid", "is_same"),
    [
        (0, True, True),
        (1800, True, True),
        (1801, True, False),
        (3600, True, False),
        (3601, False, False),
        (-300, True, True),
        (-301, False, False),
    ],
)
def test_ages(age, is_valid, is_same):
    """RFC 9018 section 4.3: good for an hour and for clocks five minutes apart, renewed after half an hour."""
    rcode, options, asked = decide((COOKIE, cookie(NOW - age)))
    assert (rcode, asked.has_valid_cookie) == (NOERROR, is_valid)
    assert (options[COOKIE] == cookie(NOW - age)) == is_same
    assert is_ours(NEW, options[COOKIE], ADDRESS)


@pytest.mark.parametrize("is_new_first", [False, True])
def test_rollover(is_new_first):
    """RFC 9018 section 5: while both secrets are known cookies of both are good, and only the first makes new ones."""
    secrets = (NEW, OLD) if is_new_first else (OLD, NEW)
    for secret in secrets:
        _, options, asked = decide((COOKIE, cookie(secret=secret)), secrets=secrets)
        assert asked.has_valid_cookie
        assert is_ours(secrets[0], options[COOKIE], ADDRESS)
    _, options, asked = decide((COOKIE, cookie(secret=OLD)), secrets=(NEW,))
    assert not asked.has_valid_cookie
    assert is_ours(NEW, options[COOKIE], ADDRESS)


@pytest.mark.parametrize("length", [0, 1, 7, 9, 15, 41, 60])
def test_cookies_of_wrong_length(length):
    """RFC 7873 section 5.2.2: FORMERR, and no cookie comes back."""
    rcode, options, _ = decide((COOKIE, bytes(length)))
    assert (rcode, options) == (FORMERR, {})


@pytest.mark.parametrize(
    ("sent", "transport", "rcode"),
    [
        (CLIENT, Transport.UDP, BADCOOKIE),
        (CLIENT + bytes(16), Transport.UDP, BADCOOKIE),
        (CLIENT + bytes(8), Transport.UDP, BADCOOKIE),
        (CLIENT, Transport.TCP, NOERROR),
        (CLIENT + bytes(16), Transport.TLS, NOERROR),
    ],
)
def test_required_cookies(sent, transport, rcode):
    """RFC 7873 section 5.2.4: where it is required, over UDP BADCOOKIE, with the cookie that is good the next time."""
    found, options, _ = decide((COOKIE, sent), transport=transport, cookies={"require": True})
    assert found == rcode
    assert decide((COOKIE, options[COOKIE]), transport=transport, cookies={"require": True})[0] == NOERROR
    assert decide((COOKIE, sent), transport=transport)[0] == NOERROR
    assert decide(UNKNOWN, cookies={"require": True})[0] == NOERROR


@given(st.lists(st.tuples(st.sampled_from([CLIENT, bytes(8), b"x"]), st.integers(0, 3)), min_size=1, max_size=6))
def test_the_first_cookie_counts(several):
    """RFC 7873 section 5.2: further COOKIE options are as if they were not there, malformed ones too."""
    sent = [(COOKIE, client) for client, _ in several]
    assert decide(*sent)[:2] == decide(sent[0])[:2]


def test_known_cookies_are_forgotten_in_time(monkeypatch):
    """A cookie that was verified once needs no hash again, still ends, and their number is bounded."""
    monkeypatch.setattr(module, "MAX_KNOWN", 4)
    decider = Edns(Configuration(), (NEW,))

    def verify(address, now):
        asked = Query(query("www.example", (COOKIE, cookie(address=address))))
        decider.prepare(asked, address, Transport.UDP, now)
        return asked.has_valid_cookie

    for number in range(9):
        assert verify(bytes([10, 0, 0, number]), NOW)
        assert verify(bytes([10, 0, 0, number]), NOW)
        assert not verify(bytes([10, 0, 0, number]), NOW + 3601)
        assert len(decider._known) <= 4


def test_nsid():
    """RFC 5001 section 2.1: whoever asks is told, once, and what stands in the option is ignored."""
    assert decide((NSID, b""), (NSID, b"x"), (NSID, b""), nsid="dns1")[1] == {NSID: b"dns1"}
    assert decide((NSID, b"ignored"), nsid="0x00ff")[1] == {NSID: b"\0\xff"}
    assert decide((NSID, b""))[1] == {}
    assert decide(UNKNOWN, nsid="dns1")[1] == {}
    assert decide((NSID, b""), nsid="dns1")[2].is_shareable


@pytest.mark.parametrize(
    ("transport", "sent", "rcode", "options"),
    [
        (Transport.TCP, b"", NOERROR, {KEEPALIVE: b"\0\x78"}),
        (Transport.TLS, b"", NOERROR, {KEEPALIVE: b"\0\x78"}),
        (Transport.UDP, b"", NOERROR, {}),  # RFC 7828 section 3.2.2
        (Transport.UDP, b"\0\1", NOERROR, {}),
        (Transport.HTTPS, b"", NOERROR, {}),
        (Transport.TCP, b"\0\1", FORMERR, {}),
    ],
)
def test_keepalive(transport, sent, rcode, options):
    """RFC 7828: on DNS's own connections the idle time in units of 100 ms, to those that ask for it properly."""
    found = decide((KEEPALIVE, sent), transport=transport, connections={"idle": "12s"})
    assert found[:2] == (rcode, options)
    assert not found[2].is_shareable


def test_a_long_idle_time_is_as_long_as_the_option_can_say():
    """16 bits hold less than two hours."""
    assert decide((KEEPALIVE, b""), transport=Transport.TCP, connections={"idle": "1d"})[1] == {KEEPALIVE: b"\xff\xff"}


NAMES = ["www.example", "listed.test", "own.corp", "absent.example"]


@pytest.mark.parametrize("name", NAMES)
def test_cookies_change_nothing_else(name):
    """Blocked, local and cached answers are what they are without a cookie, and each client gets its own cookie."""
    made = world()
    for _ in range(3):
        plain = parse(made.ask(ASKER, query(name)))
        for client in (ASKER, NEIGHBOUR):
            message = made.ask(client, query(name, (COOKIE, CLIENT)))
            response = parse(message)
            assert response.rr == plain.rr
            assert (response.header.rcode, extended_errors(response)) == (plain.header.rcode, extended_errors(plain))
            address = bytes(map(int, client.split(".")))
            assert is_ours(NEW, read(message)[1][COOKIE], address)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.sampled_from([ASKER, NEIGHBOUR]),
            st.sampled_from([(), ((COOKIE, CLIENT),), ((COOKIE, CLIENT + bytes(16)),), ((KEEPALIVE, b""),)]),
            st.sampled_from([Transport.UDP, Transport.TCP]),
        ),
        max_size=12,
    )
)
def test_no_personal_response_is_remembered(steps):
    """Whatever was asked before over whatever transport, the memo gives nobody another's response."""
    fast, slow = world(), world()
    for name, client, options, transport in steps:
        message = query(name, *options)
        assert fast.ask(client, message, transport) == slow.ask(client, message, transport, memo=False)


@pytest.mark.parametrize(
    ("options", "rcode", "has_cookie"),
    [
        ([(COOKIE, CLIENT)], NOERROR, True),
        ([(COOKIE, CLIENT + bytes(16))], BADCOOKIE, True),
        ([(COOKIE, bytes(5))], FORMERR, False),
    ],
)
def test_no_question_but_a_cookie(options, rcode, has_cookie):
    """RFC 7873 section 5.4: who only wants a cookie gets it, and is told whether the one he has is good."""
    made = world()
    message = made.ask(ASKER, questionless(*options))
    found, answered = read(message)
    assert (found, COOKIE in answered) == (rcode, has_cookie)
    assert message[4:12] == b"\0\0\0\0\0\0\0\1"
    if has_cookie:
        assert read(made.ask(ASKER, questionless((COOKIE, answered[COOKIE]))))[0] == NOERROR


@pytest.mark.parametrize("message", [questionless(), questionless(UNKNOWN), questionless()[:12]])
def test_no_question_and_no_cookie(message):
    """Without a cookie a query has one question (RFC 9619)."""
    assert parse(world().ask(ASKER, message)[:12]).header.rcode == FORMERR


def test_cookies_age_by_the_clock_of_the_last_flush():
    """Time comes once a second, with the flush of the counts."""
    made = world()
    first = read(made.ask(ASKER, query("own.corp", (COOKIE, CLIENT))))[1][COOKIE]
    made.move_to(NOW + 1900)
    made.drain()
    second = read(made.ask(ASKER, query("own.corp", (COOKIE, first))))[1][COOKIE]
    assert int.from_bytes(second[12:16], "big") - int.from_bytes(first[12:16], "big") == 1900


def test_required_cookies_are_counted():
    """BADCOOKIE is an error by its name, and the query is not answered."""
    made = world(cookies={"require": True})
    rcode, answered = read(made.ask(ASKER, query("own.corp", (COOKIE, CLIENT))))
    assert rcode == BADCOOKIE
    assert made.drain().counters["responses", Outcome.ERROR, "BADCOOKIE"] == 1
    response = parse(made.ask(ASKER, query("own.corp", (COOKIE, answered[COOKIE]))))
    assert [str(rr.rdata) for rr in response.rr] == ["10.9.9.9"]


@pytest.mark.parametrize("count", [100, 101, 16_250])
def test_many_options(count):
    """A hundred options are read; more are refused before they cost anything, as 16,250 in one message would."""
    options = struct.pack("!HH", 65001, 0) * count
    opt = b"\0\0\x29\4\xd0\0\0\0\0" + struct.pack("!H", len(options)) + options
    message = query()[:-11] + opt
    response = parse(world().ask(ASKER, message, Transport.TCP))
    assert response.header.rcode == (NOERROR if count == 100 else FORMERR)


@pytest.mark.parametrize("version", [1, 255])
def test_options_of_a_version_that_we_do_not_know(version):
    """RFC 6891 section 6.1.3: BADVERS alone; what its options mean nobody knows."""
    message = ask("www.example", opt=edns(version=version, options=[(COOKIE, CLIENT), (NSID, b"")]))
    assert read(world(nsid="dns1").ask(ASKER, message)) == (16, {})


def test_strangers_are_told_where_that_makes_no_attack():
    """RFC 8914 section 4.19: Prohibited, with the text, unless over UDP the response would outgrow the query."""
    made = world(ede_text="ask 4711")
    assert extended_errors(parse(made.ask(STRANGER, query(), Transport.TCP))) == [(18, "ask 4711")]
    assert extended_errors(parse(made.ask(STRANGER, query()))) == []
    for size, expected in ((5, []), (6, [(18, "")]), (13, [(18, "")]), (14, [(18, "ask 4711")])):
        message = query("www.example", (65001, bytes(size - 4)))
        answer = made.ask(STRANGER, message)
        assert extended_errors(parse(answer)) == expected
        assert len(answer) <= len(message)


@pytest.mark.parametrize(
    ("name", "qtype", "expected"),
    [
        ("version.bind", "TXT", ['"7.3"']),
        ("VERSION.server", "ANY", ['"7.3"']),
        ("id.server", "TXT", ['"dns1"']),
        ("hostname.bind", "TXT", ['"dns1"']),
        ("version.bind", "A", None),
        ("authors.bind", "TXT", None),
        ("version.bind", "AXFR", None),
    ],
)
def test_chaos(name, qtype, expected):
    """RFC 4892: what the configuration lets us tell; everything else, and all of it by default, is REFUSED."""
    message = ask(name, qtype, qclass=3, opt=edns())
    response = parse(world(chaos={"version": "7.3", "identity": "dns1"}).ask(ASKER, message))
    assert (response.header.rcode, [str(rr.rdata) for rr in response.rr]) == (0 if expected else 5, expected or [])
    assert [(rr.rclass, rr.ttl) for rr in response.rr] == [(3, 0)] * bool(expected)
    response = parse(world().ask(ASKER, message))
    assert (response.header.rcode, extended_errors(response)) == (REFUSED, [(21, "")])


@pytest.mark.parametrize("qtype", ["AXFR", "IXFR", "TSIG", 249, 41, 253, 254])
def test_types_that_we_do_not_do(qtype):
    """RFC 8914 section 4.22: Not Supported."""
    response = parse(world().ask(ASKER, ask("www.example", qtype, opt=edns()), Transport.TCP))
    assert (response.header.rcode, extended_errors(response)) == (REFUSED, [(21, "")])


def test_text_of_the_policy():
    """What blocked names are told is the policy's own text, else the one for all."""
    policy = {"name": "ban", "blocklists": ["banned"], "phases": {"enforce": "2023-01-01"}}
    for own, expected in (("", "app banned; for all"), ("by order", "app banned; by order")):
        made = world(ede_text="for all", policies=[{**policy, "ede_text": own}])
        assert extended_errors(parse(made.ask(ASKER, query("listed.test")))) == [(15, expected), (4, "")]
