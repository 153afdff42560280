"""What records of a response policy zone mean, apart from how they are written."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.triggers import Action, Trigger, read_action, read_trigger, write_network
from dnsfilter.model import DnsAction, Match

NAME = Trigger(Match.EXACT, "a.example")
V4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(lambda drawn: IPv4Network(drawn, strict=False))
V6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(lambda drawn: IPv6Network(drawn, strict=False))
GROUPS = st.lists(st.sampled_from([0, 0, 1, 0xDB8]), min_size=8, max_size=8)
SPARSE = GROUPS.map(lambda groups: IPv6Network(":".join(f"{group:x}" for group in groups)))


@pytest.mark.parametrize("kind", ["rpz-ip", "rpz-client-ip"])
@given(V4 | V6 | SPARSE)
def test_a_network_written_and_read(kind, network):
    """Whatever the network, its trigger reads back as that network."""
    match = Match.CLIENT if kind == "rpz-client-ip" else Match.NETWORK
    assert read_trigger(write_network(str(network), kind)) == (match, str(network))


@pytest.mark.parametrize(
    ("network", "owner"),
    [
        ("192.0.2.0/24", "24.0.2.0.192.rpz-ip"),
        ("::/0", "0.zz.rpz-ip"),
        ("::1/128", "128.1.zz.rpz-ip"),
        ("2001:db8::/48", "48.zz.db8.2001.rpz-ip"),
        ("2001:db8:0:1::57/128", "128.57.zz.1.0.db8.2001.rpz-ip"),
        ("2001:db8:3:4:5:6:7:8/128", "128.8.7.6.5.4.3.db8.2001.rpz-ip"),
    ],
)
def test_how_a_network_is_written(network, owner):
    """From its end to its beginning, the longest run of zeros as `zz`, as other servers write it."""
    assert write_network(network, "rpz-ip") == owner


@given(st.text("0123456789abcdefz.*-", max_size=40).map(lambda text: f"{text}.rpz-client-ip"))
def test_any_owner_is_read_or_refused(owner):
    """Whatever stands before the trigger's kind, it is a network or a ValueError."""
    try:
        match, text = read_trigger(owner)
    except ValueError:
        return
    assert match is Match.CLIENT
    assert str(ip_network(text)) == text


@pytest.mark.parametrize(
    ("trigger", "rdata", "action"),
    [
        (NAME, ".", Action(DnsAction.NXDOMAIN)),
        (NAME, "*.", Action(DnsAction.NODATA)),
        (NAME, "RPZ-DROP.", Action(DnsAction.DROP)),
        (NAME, "rpz-passthru.", Action()),
        (NAME, "A.example.", Action()),
        (Trigger(Match.BELOW, "a.example"), "a.example.", Action(DnsAction.SINKHOLE, "9 CNAME a.example.")),
        (NAME, "garden.example.", Action(DnsAction.SINKHOLE, "9 CNAME garden.example.")),
    ],
)
def test_aliases(trigger, rdata, action):
    """A CNAME is one of RPZ's actions, or leads to another name; the trigger's own name is the older PASSTHRU."""
    assert read_action(trigger, "owner", "cname", [rdata], "rpz.local", 9) == action


@pytest.mark.parametrize(
    "rdata", ["rpz-tcp-only.", "rpz-passthru", "garden", "x.rpz.local.", "*.garden.example.", "a..b."]
)
def test_aliases_that_mean_nothing(rdata):
    """No action without its dot, no name of the zone, none that would be made of the qname is local data."""
    with pytest.raises(ValueError, match="'"):
        read_action(NAME, "owner", "cname", [rdata], "rpz.local", 9)


@given(
    st.sampled_from(["a", "aaaa", "txt", "mx", "srv", "caa", "naptr", "x"]), st.lists(st.text(max_size=9), max_size=4)
)
def test_any_data_is_read_or_refused(rrtype, rdata):
    """Whatever the data, it is local data or a ValueError."""
    try:
        action = read_action(NAME, "owner", rrtype, rdata, "rpz.local", 9)
    except ValueError:
        return
    assert action.data.startswith(f"9 {rrtype.upper()} ") or action.answer is DnsAction.NULL


@pytest.mark.parametrize(
    ("rrtype", "rdata"),
    [
        ("txt", ['"Ask us"', "two"]),
        ("caa", ["0", "issue", '"ca.example"']),
        ("sshfp", ["1", "1", "abcdef"]),
        ("https", ["1", ".", "alpn=h2"]),
        ("hinfo", ["\\#", "4", "01610162"]),
        ("type65400", ["\\#", "1", "ff"]),
    ],
)
def test_data_of_other_types(rrtype, rdata):
    """Types whose text is understood, and any other as octets, are answered as written."""
    action = read_action(NAME, "owner", rrtype, rdata, "rpz.local", 9)
    assert action == Action(DnsAction.SINKHOLE, f"9 {rrtype.upper()} {' '.join(rdata)}")


@pytest.mark.parametrize(
    ("rrtype", "rdata"),
    [
        ("hinfo", ["ab", "cd"]),
        ("loc", ["1", "2"]),
        ("txt", ["\\#", "2", "0161"]),
        ("rp", ["\\#", "4", "00000000"]),
        ("ns", ["\\#", "1", "00"]),
        ("type65400", ["\\#", "1", "zz"]),
        ("type65400", ["\\#", "2", "ff", "ff"]),
        ("mx", ["x" * 5000]),
    ],
)
def test_data_that_would_be_misread(rrtype, rdata):
    """Text of types that is not understood, and octets that would be read as text, are refused instead of guessed."""
    with pytest.raises(ValueError, match=r"owner|longer"):
        read_action(NAME, "owner", rrtype, rdata, "rpz.local", 9)
