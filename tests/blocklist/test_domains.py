"""The syntaxes domains and hosts."""

import pytest

from dnsfilter.blocklist.domains import DOMAINS, HOSTS
from dnsfilter.blocklist.lines import parse_lines


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("a.example", "a.example"),
        ("*.a.example", "a.example"),
        (".a.example", "a.example"),
        ("A.Example.", "a.example"),
        ("a.example # why", "a.example"),
        ("a.example#why", "a.example"),
        ("_dns.a-b.example", "_dns.a-b.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("日本。jp", "xn--wgv71a.jp"),
    ],
)
def test_domains(line, name):
    """A line of a domain list is a name with all below it, however it is written."""
    parsed = parse_lines(line, "f", DOMAINS)
    assert (parsed.suffixes, parsed.problems) == ([name], ())


@pytest.mark.parametrize("line", ["com", "*.com", ".", "*", "*.", "192.0.2.1", "*foo.example", "a b", "||a.example^"])
def test_domains_refuse(line):
    """A line that is too broad, an address or of another syntax is a problem."""
    parsed = parse_lines(f"good.example\n{line}", "f", DOMAINS)
    assert parsed.suffixes == ["good.example"]
    assert [problem.line for problem in parsed.problems] == [2]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("0.0.0.0 a.example", ["a.example"]),
        ("127.0.0.1\ta.example", ["a.example"]),
        (":: a.example", ["a.example"]),
        ("0.0.0.0 a.example b.example # c.example", ["a.example", "b.example"]),
        ("192.0.2.1 A.example", ["a.example"]),
        ("127.0.0.1 localhost", []),
        ("127.0.0.1 localhost.localdomain", []),
        ("::1 ip6-localhost ip6-loopback", []),
        ("fe80::1%lo0 localhost", []),
        ("255.255.255.255 broadcasthost", []),
        ("0.0.0.0 0.0.0.0", []),
        ("# 0.0.0.0 a.example", []),
    ],
)
def test_hosts(line, names):
    """A hosts line lists just its names; the machine's own are skipped."""
    parsed = parse_lines(line, "f", HOSTS)
    assert (parsed.exacts, parsed.suffixes, parsed.problems) == (names, [], ())


@pytest.mark.parametrize("line", ["a.example", "0.0.0.0", "0.0.0.0 com", "999.0.0.1 a.example", "0.0.0.0 a_?.example"])
def test_hosts_refuse(line):
    """A hosts line without address or name is a problem."""
    parsed = parse_lines(f"0.0.0.0 good.example\n{line}", "f", HOSTS)
    assert parsed.exacts == ["good.example"]
    assert [problem.line for problem in parsed.problems] == [2]
