"""The sections about what goes out."""

import pytest

from dnsfilter.config import parse_configuration
from dnsfilter.errors import InputError
from dnsfilter.settings.notification import MAIL, EventTarget, Notices, parse_mail_server, parse_target

FULL = """\
notices: {server: mail.example, sender: "IT <it@corp.example>", contact: "4711"}
webhooks: [{name: mdm, url: "https://mdm.example/x", secret_file: s}]
events: [{name: log, to: events.json}, {name: siem, to: "syslog+tls://siem.example:6514"}]
"""


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("stdout", EventTarget("stdout")),
        ("events.json", EventTarget("file", "events.json")),
        ("/var/log/events.json", EventTarget("file", "/var/log/events.json")),
        ("syslog+tcp://siem.example:601", EventTarget("tcp", "", "siem.example", 601)),
        ("syslog+tls://[2001:db8::1]:6514", EventTarget("tls", "", "2001:db8::1", 6514)),
    ],
)
def test_targets(text: str, target: EventTarget) -> None:
    """A target is what it says, and prints back as it was written."""
    assert parse_target(text) == target
    assert str(target) == text


@pytest.mark.parametrize(
    "text", ["", "/", "syslog+tcp://x", "syslog+udp://x:514", "syslog+tcp://x:70000", "http://x/y"]
)
def test_what_is_no_target(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r"is not stdout|has a port outside"):
        parse_target(text)


@pytest.mark.parametrize("text", ["mail.example", "mail.example:2525", "192.0.2.25", "[2001:db8::25]:25"])
def test_mail_servers(text: str) -> None:
    """A server prints back as it was written."""
    assert str(parse_mail_server(text)) == text


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_mail_ports(security: str, port: int) -> None:
    """Without a port the kind of connection decides."""
    keys = {"server": "mail.example", "security": security, "sender": "it@corp.example", "contact": "4711"}
    assert Notices.model_validate(keys).port == port
    assert Notices.model_validate({**keys, "server": "mail.example:26"}).port == 26


def test_outlets() -> None:
    """Everything that is configured has a name; nothing is configured by default."""
    assert list(parse_configuration(FULL, "x").outlets) == [MAIL, "mdm", "log", "siem"]
    assert parse_configuration("", "x").outlets == {}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("notices: {server: mail.example, contact: x}", "needs a sender such as"),
        ("notices: {server: mail.example, sender: nobody, contact: x}", "not 'nobody'"),
        ('notices: {server: mail.example, sender: "a@b\\r\\nBcc: c@d", contact: x}', "needs a sender such as"),
        ("notices: {server: mail.example, sender: a@b.example}", "needs a contact"),
        ("notices: {server: 'a b'}", "is not a host or host:port"),
        ("notices: {user: x}", "needs user and password_file together"),
        (
            "notices: {server: m.example, sender: a@b.example, contact: x, user: x, password_file: y, security: none}",
            "in the clear",
        ),
        ("notices: {kinds: [audit]}", "audit is none of announcement"),
        ("notices: {language: it}", "'en', 'fr', 'de' or 'nl'"),
        ("webhooks: [{name: a, url: 'http://mdm.example/', secret_file: s}]", "is not an https URL"),
        ("webhooks: [{name: a, url: 'https://u:p@mdm.example/', secret_file: s}]", "is not an https URL"),
        ("webhooks: [{name: a, url: 'https://mdm.example/'}]", "secret_file: is required"),
        ("webhooks: [{name: mail, url: 'https://m.example/', secret_file: s}]", "under which notices go out"),
        ("events: [{name: a, to: stdout}, {name: a, to: x}]", "'a' is used twice"),
        (
            "{webhooks: [{name: a, url: 'https://m.example/', secret_file: s}], events: [{name: a, to: x}]}",
            "'a' is used twice",
        ),
        ("events: [{name: a, to: 'ftp://x/y'}]", "is not stdout, a file"),
        ("events: [{name: a, to: stdout, kinds: [nonsense]}]", "nonsense"),
    ],
)
def test_mistakes(line: str, complaint: str) -> None:
    """Each mistake is one line with its place and a reason."""
    with pytest.raises(InputError) as raised:
        parse_configuration(line + "\n", "x.yaml")
    assert complaint in str(raised.value)
    assert all(str(problem).startswith("x.yaml:1: ") for problem in raised.value.problems)
