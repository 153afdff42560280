"""Rules by network, against trying every one."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.model import Grade, Match, Role, Rule
from dnsfilter.policy.networks import Networks

TEXTS = st.one_of(
    st.tuples(st.integers(0, 7), st.integers(0, 32)).map(
        lambda drawn: str(ip_network((drawn[0] << 29, drawn[1]), strict=False))
    ),
    st.tuples(st.integers(0, 7), st.integers(0, 128)).map(
        lambda drawn: str(ip_network((drawn[0] << 125, drawn[1]), strict=False))
    ),
)
ADDRESSES = st.one_of(
    st.integers(0, 7).map(lambda drawn: IPv4Address(drawn << 29)),
    st.integers(0, 7).map(lambda drawn: IPv6Address(drawn << 125)),
)


@given(st.lists(TEXTS, max_size=8), ADDRESSES)
def test_longest_prefix_first(texts, address):
    """All networks that hold an address, longest first, equal ones in the order in which they came."""
    networks = Networks()
    for number, text in enumerate(texts):
        networks.add(Rule(f"list{number}", "app", Match.NETWORK, text, Role.WEB, Grade.WEAK))
    holding = [text for text in texts if address in ip_network(text)]
    found = networks.match(address.packed)
    assert [rule.text for rule in found] == sorted(holding, key=lambda text: -ip_network(text).prefixlen)
    assert not found or address.packed[:2] in networks.first_octets()
    assert bool(networks) == bool(texts)


def test_first_octets():
    """A short network has many beginnings, long ones share theirs."""
    networks = Networks()
    for text in ("10.0.0.0/15", "192.0.2.0/24", "192.0.2.128/25", "2001:db8::/32"):
        networks.add(Rule("list", "app", Match.NETWORK, text, Role.WEB, Grade.WEAK))
    expected = {"10.0.0.0", "10.1.0.0", "192.0.0.0", "2001::"}
    assert networks.first_octets() == {ip_address(text).packed[:2] for text in expected}
