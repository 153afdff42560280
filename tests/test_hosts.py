"""Hosts files: names and addresses in, records out, and every wrong line named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import InputError
from dnsfilter.hosts import parse_hosts

FILE = """\
# comment
127.0.0.1\tlocalhost
10.0.0.5 printer.corp.example Printer   # with an alias

fd00::5 printer.corp.example
fe80::1%lo0 localhost
"""


def test_names_and_aliases() -> None:
    """Every name gets the address, in canonical form; comments, blanks and addresses with a zone say nothing."""
    assert parse_hosts(FILE, "hosts") == [
        "localhost. 60 IN A 127.0.0.1",
        "printer.corp.example. 60 IN A 10.0.0.5",
        "printer. 60 IN A 10.0.0.5",
        "printer.corp.example. 60 IN AAAA fd00:0000:0000:0000:0000:0000:0000:0005",
    ]


def test_every_wrong_line_is_named() -> None:
    """File, line and value, all at once."""
    with pytest.raises(InputError) as refusal:
        parse_hosts("10.0.0.1 a\nprinter 10.0.0.2\n10.0.0.3\n10.0.0.4 a..b\n10.0.0.5 a/b", "my/hosts")
    assert str(refusal.value).splitlines() == [
        "my/hosts:2: 'printer' is not an address; a hosts file has one before the names",
        "my/hosts:3: 10.0.0.3 has no name behind it",
        "my/hosts:4: 'a..b' has an empty label",
        "my/hosts:5: 'a/b' has a character that a host name cannot have",
    ]


@given(st.text(max_size=60))
def test_arbitrary_text(text: str) -> None:
    """Whatever stands there is records or an InputError."""
    try:
        records = parse_hosts(text, "hosts")
    except InputError:
        return
    assert all(" 60 IN A" in record for record in records)
