"""What a webhook's receiver gets, and can verify."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.outgoing.payload import parse_secret, sign, write_body
from tests.fakes.events import event

SECRET = b"x" * 32
TEXT = "whsec_" + base64.b64encode(SECRET).decode()


def test_body() -> None:
    """Type, time and what there is to say; the device is a pseudonym, its id is there only where it was given."""
    body = json.loads(write_body(event()))
    assert body == {
        "type": "confirmed",
        "timestamp": "2023-03-15T08:00:00.000Z",
        "data": {
            "device": "d-1",
            "app": "tiktok",
            "group": "corporate",
            "before": "clear",
            "after": "confirmed",
            "reason": "seen",
        },
    }
    assert json.loads(write_body(event(), "phone-1"))["data"]["device_id"] == "phone-1"
    assert "device" not in json.loads(write_body(event(device="", app="")))["data"]


def test_known_signature() -> None:
    """The example that the specification's own libraries are tested with has this signature."""
    secret = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.text(), st.integers(0, 2**40), st.binary())
def test_signature(secret: bytes, identifier: str, timestamp: int, body: bytes) -> None:
    """The signature is the HMAC of id, timestamp and body with dots between, whatever they hold."""
    signed = f"{identifier}.{timestamp}.".encode(errors="replace") + body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert sign(secret, identifier.encode(errors="replace").decode(), timestamp, body) == f"v1,{expected}"


@pytest.mark.parametrize("text", [TEXT, f" {TEXT}\n"])
def test_secret(text: str) -> None:
    """A secret is what its Base64 stands for; the end of its line does not belong to it."""
    assert parse_secret(text) == SECRET


@pytest.mark.parametrize(
    "text", ["", "whsec_", TEXT.removeprefix("whsec_"), TEXT[:20], TEXT + "!", "whsec_" + "eA==", "whsec_" + "é" * 40]
)
def test_what_is_no_secret(text: str) -> None:
    """A secret that is too short, is no Base64 or lacks its prefix is refused without being shown."""
    with pytest.raises(ValueError, match="holds no secret") as raised:
        parse_secret(text)
    assert text[10:] == "" or text[10:] not in str(raised.value)
