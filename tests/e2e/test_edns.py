"""Cookies, NSID, keepalive, extended errors and CHAOS as real dig, kdig and BIND see them."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.dig import dig
from tests.e2e.server import SINKHOLE_IPV4, Server
from tests.fakes.origin import make_certificate
from tests.processes import Processes, free_port, require_program, wait_until

LISTED = "www.tiktok.com"
COOKIE, OTHER_COOKIE = "0123456789abcdef", "fedcba9876543210"
FIRST, SECOND = "e5e973e5a6b2a43f48e7dc849e37bfcf", "dd3bdf9344b678b185a6f5cb60fca715"

BIND = """
options {{ directory "{directory}"; pid-file none; recursion no; listen-on port {port} {{ 127.0.0.1; }};
          listen-on-v6 {{ none; }}; cookie-algorithm siphash24; cookie-secret "{secret}";
          require-server-cookie yes; }};
controls {{}};
"""

_COOKIE = re.compile(r"^; COOKIE: ([0-9a-f]+)(?: \((\w+)\))?", re.MULTILINE)


def cookie_of(port: int, sent: str = COOKIE, name: str = LISTED, *options: str) -> tuple[str, str, str]:
    """Return the whole cookie that a server gives, dig's judgement on its client part, and the status."""
    answer = dig(port, name, f"+cookie={sent}", *options)
    found = _COOKIE.search(answer.text)
    return (found[1], found[2] or "", answer.status) if found else ("", "", answer.status)


def write_secrets(directory: Path, *secrets: str) -> list[str]:
    """Return files that hold these secrets."""
    files = [directory / f"secret-{secret[:4]}" for secret in secrets]
    for file, secret in zip(files, secrets, strict=True):
        file.write_text(f"{secret}\n")
    return list(map(str, files))


@pytest.mark.parametrize("name", [LISTED, "www.example", "localhost"])
def test_cookies(server: Server, name: str) -> None:
    """Dig finds its own cookie in the response, and the server's part stays the same while it is good."""
    for _ in range(3):
        cookie, judgement, status = cookie_of(server.port, COOKIE, name)
        assert (len(cookie), judgement, status) == (48, "good", "NOERROR")
        assert cookie_of(server.port, cookie, name)[0] == cookie
    answer = server.dig(name, f"+cookie={COOKIE}")
    assert answer.rdata("A") == server.dig(name, "+nocookie").rdata("A") != []
    assert cookie_of(server.port, cookie, name, "+tcp")[0] == cookie


def test_another_clients_cookie(server: Server) -> None:
    """A cookie is good from the address it was given to; from another it is answered, with another one."""
    cookie = cookie_of(server.port)[0]
    other, judgement, status = cookie_of(server.port, cookie, LISTED, "-b", "127.0.0.2")
    assert (judgement, status) == ("good", "NOERROR")
    assert other[16:] != cookie[16:]


@pytest.mark.parametrize(("octets", "status"), [(7, "FORMERR"), (9, "FORMERR"), (41, "FORMERR"), (16, "NOERROR")])
def test_lengths_of_cookies(server: Server, octets: int, status: str) -> None:
    """RFC 7873 section 5.2.2, as dig sees it."""
    assert server.dig(LISTED, f"+ednsopt=10:{'00' * octets}", "+nocookie").status == status


def test_header_only_query_with_a_cookie(server: Server) -> None:
    """RFC 7873 section 5.4: who asks nothing but for a cookie gets NOERROR."""
    cookie, judgement, status = cookie_of(server.port, COOKIE, LISTED, "+header-only")
    assert (len(cookie), judgement, status) == (48, "good", "NOERROR")
    assert cookie_of(server.port, cookie, LISTED, "+header-only")[::2] == (cookie, "NOERROR")
    assert cookie_of(server.port, COOKIE + "00" * 16, LISTED, "+header-only", "+nobadcookie")[2] == "BADCOOKIE"
    assert server.dig(LISTED, "+header-only", "+nocookie", "+noedns").status == "FORMERR"


def test_workers_and_restarts_agree(start) -> None:
    """Whichever worker answers, and after all of them were started again, a cookie is good."""
    server = start(workers=2)
    cookie = cookie_of(server.port)[0]
    assert {cookie_of(server.port, cookie)[0] for _ in range(20)} == {cookie}
    before = server.processes("worker")
    for pid in before:
        subprocess.run(["kill", "-9", str(pid)], check=True)
    wait_until(lambda: len(set(server.processes("worker")) - set(before)) == 2, "two other workers run", 20)
    wait_until(lambda: cookie_of(server.port, cookie)[0] == cookie, "the cookie is good", 20)
    assert (Path(server.settings["state"]) / "cookie.secret").stat().st_mode & 0o777 == 0o600


def test_bind_on_the_same_address(start, processes: Processes, tmp_path: Path) -> None:
    """RFC 9018: BIND with our secret takes our cookies and we take BIND's, octet for octet."""
    server = start(cookies={"secrets": write_secrets(tmp_path, FIRST)})
    port, file = free_port(), tmp_path / "named.conf"
    file.write_text(BIND.format(directory=tmp_path, port=port, secret=FIRST))
    program = require_program("named", "bind9")
    processes.start("named", [program, "-g", "-n", "1", "-c", str(file)], lambda _: cookie_of(port)[0])
    ours, theirs = cookie_of(server.port)[0], cookie_of(port, OTHER_COOKIE)[0]
    assert cookie_of(server.port, theirs)[0] == theirs
    assert cookie_of(port, ours, LISTED, "+nobadcookie")[2] == "REFUSED"  # good, but it resolves nothing
    assert cookie_of(port, OTHER_COOKIE + ours[16:], LISTED, "+nobadcookie")[2] == "BADCOOKIE"


def test_rollover(start, tmp_path: Path) -> None:
    """A reload changes the secret: cookies of the old one are good while it is kept, and not after."""
    old, new = write_secrets(tmp_path, FIRST, SECOND)
    server = start(cookies={"secrets": [old], "require": True})
    cookie = cookie_of(server.port)[0]

    def is_good(one: str) -> bool:
        return cookie_of(server.port, one, LISTED, "+nobadcookie")[2] == "NOERROR"

    server.rewrite({**server.settings, "cookies": {"secrets": [new, old], "require": True}})
    wait_until(lambda: cookie_of(server.port, cookie)[0] not in (cookie, ""), "the new secret is used", 20)
    renewed = cookie_of(server.port, cookie)[0]
    assert is_good(cookie)
    assert is_good(renewed)
    server.rewrite({**server.settings, "cookies": {"secrets": [new], "require": True}})
    wait_until(lambda: not is_good(cookie), "the old secret is forgotten", 20)
    assert is_good(renewed)


def test_required_cookies(start) -> None:
    """A client with cookies is told BADCOOKIE once, learns, and is answered; others notice nothing."""
    server = start(cookies={"require": True})
    assert cookie_of(server.port, COOKIE, LISTED, "+nobadcookie")[2] == "BADCOOKIE"
    answer = server.dig(LISTED, f"+cookie={COOKIE}", "+badcookie")
    assert (answer.status, answer.rdata("A")) == ("NOERROR", [SINKHOLE_IPV4])
    assert server.dig(LISTED, "+nocookie").status == "NOERROR"
    assert cookie_of(server.port, COOKIE, LISTED, "+nobadcookie", "+tcp")[2] == "NOERROR"


def test_says_who_it_is(start, tmp_path: Path) -> None:
    """NSID, CHAOS and keepalive over UDP, TCP, TLS and HTTPS, as far as each goes there."""
    certificate = str(make_certificate(tmp_path, "dns.example"))
    tls, https = free_port(), free_port()
    listen = {"tls": [f"127.0.0.1:{tls}"], "https": [f"127.0.0.1:{https}"]}
    server = start(
        listen={**listen, "certificate": {"chain": certificate, "key": certificate}},
        nsid="node-7",
        chaos={"version": "ours", "identity": "node-7.example"},
        connections={"idle": "7s"},
    )
    for port, option, has_keepalive in (
        (server.port, "+notcp", False),
        (server.port, "+tcp", True),
        (tls, "+tls", True),
        (https, "+https", False),
    ):
        asked = dig(port, LISTED, option, "+nsid", "+ednsopt=11", program="kdig")
        assert asked.rdata("A") == [SINKHOLE_IPV4]
        assert ('NSID: 6E6F64652D37 "node-7"' in asked.text) is True, asked.text
        assert bool(re.search(r"KEEPALIVE|Option \(11\)", asked.text)) is has_keepalive, asked.text
    assert "TCP KEEPALIVE: 7.0 secs" in server.dig(LISTED, "+tcp", "+keepalive").text
    assert "TCP KEEPALIVE" not in server.dig(LISTED, "+keepalive", "+notcp").text
    assert server.dig("version.bind", "TXT", "CH").rdata("TXT") == ['"ours"']
    assert server.dig("hostname.bind", "TXT", "CH").rdata("TXT") == ['"node-7.example"']
    assert server.dig("authors.bind", "TXT", "CH").status == "REFUSED"
    assert "NSID" not in server.dig(LISTED).text


def test_says_nothing_of_itself_by_default(server: Server) -> None:
    """Neither version nor node, by whatever way."""
    assert "NSID" not in server.dig(LISTED, "+nsid").text
    for name in ("version.bind", "version.server", "hostname.bind", "id.server"):
        answer = server.dig(name, "TXT", "CH")
        assert (answer.status, answer.ede) == ("REFUSED", (21,))


def test_extended_errors_with_a_text(start) -> None:
    """Who is blocked, and who is not served at all, reads whom to ask; dig and kdig show both codes of a sinkhole."""
    server = start(allow_clients=["127.0.0.1/32"], ede_text="help desk 4711")
    for program in ("dig", "kdig"):
        answer = server.dig(LISTED, "+edns=0", program=program)
        assert answer.ede == (15, 4)
        assert "app tiktok; help desk 4711" in answer.text
    for options in (["+notcp"], ["+tcp", "+nocookie"]):
        answer = server.dig(LISTED, "-b", "127.0.0.2", *options)
        assert (answer.status, answer.ede) == ("REFUSED", (18,))
    assert "help desk 4711" in answer.text


def test_a_cookie_passes_over_the_rate_limit(start) -> None:
    """Who is over the limit, as somebody who forges its address could make it be, is answered with a good cookie."""
    server = start(rate_limit={"per_client_qps": 1, "burst": 5, "slip": 0})
    cookie = cookie_of(server.port)[0]
    impatient = ("+tries=1", "+time=1", "+nocookie")
    assert [server.dig(LISTED, *impatient).status for _ in range(12)].count("") >= 4
    for _ in range(3):
        assert cookie_of(server.port, cookie)[2] == "NOERROR"
    forged = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
    answers = [server.dig(LISTED, f"+cookie={forged}", "+tries=1", "+time=1").status for _ in range(4)]
    assert "" in answers  # one a second passes
    refused = [cookie_of(server.port, cookie, LISTED, "+tries=1", "+time=1")[2] for _ in range(20)]
    assert "REFUSED" in refused
