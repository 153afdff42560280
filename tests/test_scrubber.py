"""What of an upstream's answer is not passed on: private addresses in all their disguises, and `ech`."""

from ipaddress import ip_address, ip_network

import pytest
from dnslib import HTTPS, QTYPE, RD, RR
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.config import Configuration
from dnsfilter.model import Ech, Outcome
from dnsfilter.scrubber import Scrubber
from dnsfilter.settings.rebinding import PRIVATE
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer
from tests.fakes.messages import ask, edns, respond

SIGNATURE = RR("www.example", QTYPE.RRSIG, ttl=60, rdata=RD(b"\0A" + bytes(16) + b"\7example\0signature"))


def scrubber(**rebinding):
    """Return a scrubber that guards against rebinding."""
    upstreams = [{"servers": ["192.0.2.53"]}, {"servers": ["192.0.2.54"], "domains": ["corp.example"]}]
    settings = {"upstreams": upstreams, "rebinding": {"protect": True, **rebinding}}
    return Scrubber(Configuration.model_validate(settings))


GUARD = scrubber(allow=["dnsbl.example"])


def look(guard, answers, name="www.example", qtype="A", ech=Ech.KEEP, additionals=(), *, do=False):
    """Return what a scrubber makes of an answer, None where it does not look twice."""
    message = ask(name, qtype, opt=edns(do=do))
    query = Query(message)
    answer = Answer(respond(message, answers, additionals=additionals), len(query.question), 0.0)
    return guard.scrub(query, answer, ech) if guard.concerns(answer) else None


def address_record(text):
    """Return an A or AAAA record."""
    address = ip_address(text)
    return f"www.example. 60 {'AAAA' if address.version == 6 else 'A'} {address.exploded}"


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:192.168.1.1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "64:ff9b:1:2:3:4:a00:1",
        "2002:a00:1::1",
        "2002:c0a8:101::",
        "2002:7f00:1:ffff::5",
    ],
)
def test_private_address(text):
    """Threat 36: an answer with such an address for a public name is withheld, also beside harmless ones."""
    for answers in ([address_record(text)], [address_record("198.51.100.1"), address_record(text)]):
        scrubbed = look(GUARD, answers)
        assert (scrubbed.records.answers, scrubbed.records.authorities) == (0, 1)
        assert (scrubbed.counted, scrubbed.outcome) == (("rebinding", "withheld"), Outcome.BLOCKED)


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.1",
        "32.2.10.0",
        "100.63.255.255",
        "100.128.0.1",
        "169.253.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.1.1",
        "192.169.0.1",
        "2606:4700::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:2::a00:1",
        "2002:808:808::1",
        "2001:db8::10.0.0.1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_public_address(text):
    """What is next to a private network, or holds a public address, passes."""
    scrubbed = look(GUARD, [address_record(text)])
    assert scrubbed is None or scrubbed.records.answers == 1


@given(st.ip_addresses())
def test_agrees_with_the_networks(address):
    """For addresses that hold no other, the guard says what the networks say."""
    embeds = address.version == 6 and (
        address.ipv4_mapped
        or address.sixtofour
        or int(address) >> 32 in (0, 0x64FF9B << 64)
        or int(address) >> 80 == 0x64FF9B0001
    )
    if not embeds:
        scrubbed = look(GUARD, [address_record(str(address))])
        is_withheld = scrubbed is not None and not scrubbed.records.answers
        assert is_withheld == any(address in ip_network(text) for text in PRIVATE)


@pytest.mark.parametrize(
    ("name", "is_exempt"),
    [
        ("corp.example", True),
        ("host.corp.example", True),
        ("2.0.0.127.dnsbl.example", True),
        ("xcorp.example", False),
        ("example", False),
        ("corp.example.evil.test", False),
    ],
)
def test_exempt_names(name, is_exempt):
    """Names at and below those allowed, and those that an upstream of their own answers, may lead inside."""
    scrubbed = look(GUARD, [f"{name}. 60 A 10.0.0.1"], name)
    assert bool(scrubbed.records.answers) == is_exempt


def test_alias_does_not_lend_its_exemption():
    """A public name that leads to an exempt one is still a public name: that is how rebinding would go about it."""
    answers = ["www.evil.test. 60 CNAME host.corp.example.", "host.corp.example. 60 A 10.0.0.1"]
    assert look(GUARD, answers, "www.evil.test").records.answers == 0


@pytest.mark.parametrize("hint", [(4, "10.0.0.1"), (6, "::ffff:127.0.0.1"), (6, "fd00::1")])
def test_hints(hint):
    """Threat 36: clients connect to hints of service bindings, so those count like addresses."""
    key, text = hint
    for rtype in ("HTTPS", "SVCB"):
        number = 65 if rtype == "HTTPS" else 64
        rdata = HTTPS(1, [], [(key, ip_address(text).packed)])
        assert look(GUARD, [RR("www.example", number, ttl=60, rdata=rdata)], qtype=number).records.answers == 0


def test_private_glue_costs_only_the_additional_section():
    """Nobody asked for it; what was asked for stays, TTLs included, with the section before."""
    mail = "www.example. 60 MX 1 mail.example."
    for glue in ("mail.example. 60 A 10.0.0.1", "mail.example. 60 AAAA fd00::1"):
        scrubbed = look(GUARD, [mail], qtype="MX", additionals=["mail.example. 60 A 192.0.2.1", glue])
        records = scrubbed.records
        assert (records.answers, records.additionals, len(records.ttls)) == (1, 0, 1)
        assert records.body.endswith(b"\0\1\4mail\xc0\x10")
        assert scrubbed.counted == ("rebinding", "trimmed")
    assert look(GUARD, [mail], qtype="MX", additionals=["mail.example. 60 A 192.0.2.1"]).counted is None


def test_no_protection_is_the_default():
    """A resolver in front of an intranet's goes on serving it."""
    guard = Scrubber(Configuration())
    assert look(guard, [address_record("10.0.0.1")]) is None
    assert look(guard, [address_record("192.0.2.1")], additionals=["x. 60 A 10.0.0.1"]) is None


def test_networks_of_ones_own():
    """`networks` replaces the default."""
    guard = scrubber(networks=["198.18.0.0/15", "2001:db8::/32"])
    assert look(guard, [address_record("10.0.0.1")]) is None
    for text in ("198.19.0.1", "2001:db8::1", "::ffff:198.18.0.1"):
        assert look(guard, [address_record(text)]).records.answers == 0


ECH = RR("www.example", QTYPE.HTTPS, ttl=60, rdata=HTTPS(1, [], [(1, b"\2h2"), (5, b"config")]))


@pytest.mark.parametrize(
    ("ech", "do", "is_signed", "outcome"),
    [
        (Ech.KEEP, False, False, None),
        (Ech.KEEP, True, True, None),
        (Ech.REMOVE, False, False, "removed"),
        (Ech.REMOVE, False, True, "removed"),
        (Ech.REMOVE, True, False, "removed"),
        (Ech.REMOVE, True, True, "kept"),
        (Ech.REMOVE_SIGNED, False, False, "removed"),
        (Ech.REMOVE_SIGNED, True, True, "removed"),
    ],
)
def test_ech(ech, do, is_signed, outcome):
    """Removed where the policy asks for it, but what a client may validate only by `remove-signed`; always said."""
    scrubbed = look(
        Scrubber(Configuration()), [ECH, *([SIGNATURE] if is_signed else [])], ech=ech, qtype="HTTPS", do=do
    )
    assert (b"config" in scrubbed.records.body) == (outcome != "removed")
    assert scrubbed.counted == (outcome and ("ech", outcome))
    assert bool(scrubbed.errors) == (outcome is not None)
    assert scrubbed.outcome is None
