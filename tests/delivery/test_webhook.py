"""Webhooks against a real HTTP server, which verifies what it gets."""

import asyncio
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from dnsfilter.delivery.webhook import ATTEMPTS, MAX_PAUSE, Hook
from dnsfilter.outgoing.message import Fate, Message, Result
from dnsfilter.settings.notification import Webhook
from tests.fakes.events import message
from tests.fakes.hook import SECRET, Receiver
from tests.fakes.origin import make_certificate
from tests.processes import free_port


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    return file


def send(url: str, secret_file: Path, *messages: Message, identity: str = "", **keys: Any) -> list[Result]:
    """Try to deliver messages, one after the other."""
    section = Webhook.model_validate({"name": "hook", "url": url, "secret_file": str(secret_file), **keys})

    async def deliver() -> list[Result]:
        hook = Hook(section, lambda _: identity)
        try:
            return [await hook.deliver(each) for each in messages or (message(),)]
        finally:
            await hook.close()

    return asyncio.run(deliver())


def test_delivers_in_order(secret_file: Path) -> None:
    """Each event arrives signed, with its id; the device is its pseudonym."""
    with Receiver() as receiver:
        messages = [message(number=number, id=f"evt_{number}") for number in range(5)]
        assert send(receiver.url, secret_file, *messages) == [Result(Fate.DELIVERED)] * 5
        assert (receiver.ids, receiver.problems) == ([f"evt_{number}" for number in range(5)], [])
        assert receiver.bodies[0]["data"]["device"] == "d-1"
        assert "device_id" not in receiver.bodies[0]["data"]


def test_identifies(secret_file: Path) -> None:
    """Who may learn it gets the id of the inventory too."""
    with Receiver() as receiver:
        send(receiver.url, secret_file, identity="phone-1")
        assert receiver.bodies[0]["data"]["device_id"] == "phone-1"


@pytest.mark.parametrize(
    ("status", "attempts", "fate"),
    [
        (500, 0, Fate.BLOCKED),
        (503, 100, Fate.BLOCKED),
        (404, 100, Fate.BLOCKED),
        (401, 0, Fate.BLOCKED),
        (400, 0, Fate.BLOCKED),
        (400, ATTEMPTS - 1, Fate.REFUSED),
        (410, ATTEMPTS, Fate.REFUSED),
        (202, 0, Fate.DELIVERED),
    ],
)
def test_answers(secret_file: Path, status: int, attempts: int, fate: Fate) -> None:
    """2xx is delivered; a fault found with the message ends it after some attempts; all else is tried again."""
    with Receiver() as receiver:
        receiver.answers = [(status, {})]
        (result,) = send(receiver.url, secret_file, message(attempts=attempts))
    assert result.fate is fate
    assert result.reason == ("" if fate is Fate.DELIVERED else f"HTTP status {status}")


def test_redirects_are_not_followed(secret_file: Path) -> None:
    """Where the other side would send us is not asked."""
    with Receiver() as receiver:
        receiver.answers = [(307, {"Location": f"http://localhost:{receiver.port}/elsewhere"})]
        (result,) = send(receiver.url, secret_file)
        assert (result.fate, receiver.problems, receiver.bodies) == (Fate.BLOCKED, [], [])


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("120", 120, 120),
        ("999999999", MAX_PAUSE, MAX_PAUSE),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("", 0, 0),
        ("Wed, 15 Mar 2023 08:00:00 GMT", 0, 0),
        ("Wed, 99 Mar 99999 08:00:00 GMT", 0, 0),
    ],
)
def test_retry_after(secret_file: Path, header: str, least: float, most: float) -> None:
    """The other side says how long to wait, within reason; nonsense is no wish."""
    with Receiver() as receiver:
        receiver.answers = [(503, {"Retry-After": header})]
        (result,) = send(receiver.url, secret_file)
    assert least <= result.pause <= most


def test_retry_after_a_date(secret_file: Path) -> None:
    """A date is as good as seconds."""
    with Receiver() as receiver:
        receiver.answers = [(429, {"Retry-After": formatdate(time.time() + 600, usegmt=True)})]
        (result,) = send(receiver.url, secret_file)
    assert 500 < result.pause <= 600


def test_tls(secret_file: Path, tmp_path: Path) -> None:
    """Only a server that proves who it is gets anything."""
    certificate = make_certificate(tmp_path, "localhost")
    with Receiver(certificate) as receiver:
        (trusted,) = send(receiver.url, secret_file, ca=str(certificate))
        (unknown,) = send(receiver.url, secret_file)
        assert (trusted.fate, unknown.fate) == (Fate.DELIVERED, Fate.BLOCKED)
        assert len(receiver.bodies) == 1


def test_nobody_there(secret_file: Path) -> None:
    """A port where nobody listens, and a name that does not exist, block the outlet."""
    results = [*send(f"http://localhost:{free_port()}/", secret_file), *send("https://no.invalid/", secret_file)]
    assert {result.fate for result in results} == {Fate.BLOCKED}
    assert all(result.reason for result in results)


@pytest.mark.parametrize(("content", "mode"), [("", 0o600), ("whsec_short", 0o600), (SECRET, 0o640)])
def test_secrets_that_are_none(secret_file: Path, content: str, mode: int) -> None:
    """Without a secret that is one and is kept as one, nothing is sent and the reason names the problem."""
    secret_file.write_text(content)
    secret_file.chmod(mode)
    with Receiver() as receiver:
        (result,) = send(receiver.url, secret_file)
        assert (result.fate, receiver.bodies) == (Fate.BLOCKED, [])
    assert result.reason
    assert SECRET not in result.reason
