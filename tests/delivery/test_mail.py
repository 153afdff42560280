"""Mail against a real SMTP server, in all the ways in which one may fail."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dnsfilter.delivery import mail as module
from dnsfilter.delivery.mail import Mail
from dnsfilter.model import EventKind
from dnsfilter.outgoing.message import Fate, Message, Result
from dnsfilter.outgoing.notice import EmailMessage, Order, Recipient, Sender, compose
from dnsfilter.settings.notification import Notices
from tests.fakes.events import message
from tests.fakes.origin import make_certificate
from tests.fakes.postbox import Postbox
from tests.processes import free_port

OWNER = Recipient("ann@corp.example", "Ann", "phone", "fr")
PASSWORD = "correct horse"


def settings(port: int, **keys: Any) -> Notices:
    """Return the section for a server on loopback, without encryption unless told."""
    known = {"security": "none", "sender": "IT <it@corp.example>", "contact": "4711", "server": f"localhost:{port}"}
    return Notices.model_validate({**known, **keys})


def write(found: Message, owner: Recipient = OWNER) -> EmailMessage:
    """Compose a notice."""
    order = Order("tiktok", datetime(2023, 3, 20, tzinfo=UTC), withholds=True)
    return compose(found, owner, order, Sender("IT <it@corp.example>", "4711"), "en")


def send(section: Notices, found: Message | None = None) -> Result:
    """Try once."""
    return asyncio.run(Mail(section, write).deliver(found or message(EventKind.CONFIRMED)))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path, "localhost")


def test_delivers() -> None:
    """A notice arrives at its owner, in their language, from the sender; again it is the same mail."""
    with Postbox() as postbox:
        assert send(settings(postbox.port)) == send(settings(postbox.port)) == Result(Fate.DELIVERED)
        first, second = postbox.mails
    assert first["To"].addresses[0].addr_spec == "ann@corp.example"
    assert first["Message-ID"] == second["Message-ID"] == "<evt_1.1@corp.example>"
    assert first["Content-Language"] == "fr"
    assert "est utilisée sur votre appareil phone" in first["Subject"]
    assert postbox.senders == ["it@corp.example"] * 2


@pytest.mark.parametrize(
    ("recipient", "data", "fate", "code"),
    [
        ("450 greylisted ann@corp.example", "250 OK", Fate.LATER, "450"),
        ("550 no such user ann@corp.example", "250 OK", Fate.REFUSED, "550"),
        ("250 OK", "452 disk full", Fate.LATER, "452"),
        ("250 OK", "554 looks like spam", Fate.REFUSED, "554"),
        ("421 shutting down", "250 OK", Fate.BLOCKED, "421"),
    ],
)
def test_refusals(recipient: str, data: str, fate: Fate, code: str) -> None:
    """What the server says decides: 4xx is tried again, 5xx ends this notice; its words are not repeated."""
    with Postbox() as postbox:
        postbox.recipient, postbox.data = recipient, data
        assert send(settings(postbox.port)) == Result(fate, f"the mail server says {code}")
        assert postbox.mails == []


def test_a_server_that_is_down() -> None:
    """A server that does not listen blocks all mail."""
    assert send(settings(free_port())) == Result(Fate.BLOCKED, "Connection refused")


def test_starttls(certificate: Path) -> None:
    """With STARTTLS the mail travels encrypted, to a server that proves who it is."""
    with Postbox(certificate) as postbox:
        assert send(settings(postbox.port, security="starttls", ca=str(certificate))) == Result(Fate.DELIVERED)
        assert postbox.was_encrypted == [True]


def test_an_impostor(certificate: Path) -> None:
    """A server whose certificate nobody vouches for gets no mail."""
    with Postbox(certificate) as postbox:
        result = send(settings(postbox.port, security="starttls"))
        assert (result.fate, postbox.mails) == (Fate.BLOCKED, [])
        assert "CERTIFICATE" in result.reason


def test_no_encryption_offered() -> None:
    """A server that knows no STARTTLS gets no mail where that is configured, nor one that speaks no TLS at all."""
    with Postbox() as postbox:
        for security in ("starttls", "tls"):
            assert send(settings(postbox.port, security=security)).fate is Fate.BLOCKED
        assert postbox.mails == []


@pytest.mark.parametrize(("password", "fate"), [(PASSWORD, Fate.DELIVERED), ("wrong", Fate.BLOCKED)])
def test_login(certificate: Path, tmp_path: Path, password: str, fate: Fate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password is read from its file at each attempt; a wrong one blocks all mail."""
    monkeypatch.setattr(module, "TIMEOUT", 2.0)  # after a wrong one this server is silent
    secret = tmp_path / "password"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    keys = {"security": "starttls", "ca": str(certificate), "user": "dnsfilter", "password_file": str(secret)}
    with Postbox(certificate, login=("dnsfilter", PASSWORD)) as postbox:
        result = send(settings(postbox.port, **keys))
    assert result.fate is fate
    assert password not in result.reason


def test_a_password_that_others_may_read(certificate: Path, tmp_path: Path) -> None:
    """Such a password is not used."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    keys = {"security": "starttls", "ca": str(certificate), "user": "dnsfilter", "password_file": str(secret)}
    with Postbox(certificate, login=("dnsfilter", PASSWORD)) as postbox:
        result = send(settings(postbox.port, **keys))
    assert (result.fate, "0644" in result.reason) == (Fate.BLOCKED, True)


def test_nobody_to_write_to() -> None:
    """A notice without a usable address is given up before anybody is asked."""
    mail = Mail(settings(free_port()), lambda found: write(found, OWNER._replace(mail="ann")))
    result = asyncio.run(mail.deliver(message()))
    assert result == Result(Fate.REFUSED, "the inventory has no usable mail address")
