"""A webhook's body and signature, by the scheme of Standard Webhooks (https://www.standardwebhooks.com/).

The body is the same at every attempt; the timestamp, which the signature covers, is that of the attempt.
"""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime

from dnsfilter.model import Event

PREFIX = "whsec_"
MIN_SECRET = 24
MAX_SECRET = 64


def parse_secret(text: str) -> bytes:
    """Return the key in a secret: `whsec_` and 24 to 64 octets in Base64; ValueError otherwise."""
    encoded = text.strip()
    try:
        secret = base64.b64decode(encoded.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not encoded.startswith(PREFIX) or not MIN_SECRET <= len(secret) <= MAX_SECRET:
        raise ValueError(f"holds no secret: {PREFIX} and {MIN_SECRET} to {MAX_SECRET} octets in Base64")
    return secret


def write_body(event: Event, identity: str = "") -> bytes:
    """Return the body that tells of an event; `identity` is the device's id in the inventory where it may be told."""
    data: dict[str, object] = dict(event.content)
    if event.device:
        data["device"] = event.device
    if event.app:
        data["app"] = event.app
    if identity:
        data["device_id"] = identity
    body = {"type": event.kind.value, "timestamp": to_text(event.time), "data": data}
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def sign(secret: bytes, identifier: str, timestamp: int, body: bytes) -> str:
    """Return the signature of an attempt, version 1: HMAC-SHA-256."""
    signed = b"%s.%d.%s" % (identifier.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def to_text(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 has them, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
