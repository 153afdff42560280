"""What an operator may write about cookies, identity and texts."""

import pytest

from dnsfilter.config import parse_configuration
from dnsfilter.errors import InputError
from dnsfilter.settings.edns import nsid_octets


@pytest.mark.parametrize(
    ("text", "octets"), [("", b""), ("dns1.example", b"dns1.example"), ("0x0a0B", b"\x0a\x0b"), ("0x", b"")]
)
def test_nsid(text, octets):
    """Text, or octets in hexadecimal."""
    assert nsid_octets(parse_configuration(f"nsid: '{text}'", "c.yaml").nsid) == octets


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nsid: 0x0", "c.yaml:1: nsid: 0: input should be a valid string"),
        ("nsid: '0xabc'", "c.yaml:1: nsid: '0xabc' must have an even number of hexadecimal digits behind 0x"),
        ("nsid: '0x0g'", "c.yaml:1: nsid: '0x0g' must have an even number"),
        (f"nsid: {'x' * 129}", "has 129 octets, at most 128 are possible"),
        (f"nsid: '0x{'00' * 129}'", "has 129 octets, at most 128 are possible"),
        (f"ede_text: {'ä' * 101}", "has 202 octets, at most 200 are possible"),
        ('ede_text: "two\\nlines"', "must be one line of printable characters"),
        ("chaos: {version: '" + "x" * 256 + "'}", "has 256 octets, at most 255 are possible"),
        ("chaos: {name: x}", "c.yaml:1: chaos.name: unknown key"),
        ("cookies: {secrets: ['']}", "c.yaml:1: cookies.secrets[0]"),
        ("cookies: {secrets: x}", "c.yaml:1: cookies.secrets: 'x': must be a list"),
    ],
)
def test_a_wrong_value(text, problem):
    """Each is named with its place, and says what would be right."""
    with pytest.raises(InputError) as error:
        parse_configuration(text, "c.yaml")
    assert problem in str(error.value)
