"""Whose word counts."""

import pytest

from dnsfilter.config import Configuration, parse_configuration
from dnsfilter.errors import InputError


def test_nobody_is_believed_by_default() -> None:
    """Without a word in the configuration no option, name or address changes who asks."""
    identity = Configuration().identity
    assert (identity.edns_mac, identity.client_ids, identity.proxy_tlv, identity.shared) == ((), (), None, ())


def test_says_which_network_is_wrong() -> None:
    """A network that is none is named with its line."""
    with pytest.raises(InputError) as caught:
        parse_configuration("identity:\n  edns_mac: [10.0.0.0/8, everybody]\n", "x.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (2, "identity.edns_mac[1]")


@pytest.mark.parametrize("value", ["0", "256", "unique-id"])
def test_says_which_type_is_none(value: str) -> None:
    """A type of a PROXY header's values is one octet, and not 0."""
    with pytest.raises(InputError) as caught:
        parse_configuration(f"identity: {{proxy_tlv: {value}}}\n", "x.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (1, "identity.proxy_tlv")
