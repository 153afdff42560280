"""What mitmproxy sees that is no name: DNS inside HTTP, clients that do not want our certificate. Only recognises."""

from mitmproxy.http import Request

DNS_MESSAGE = "application/dns-message"

_DISTRUST = ("unknown ca", "bad certificate", "certificate unknown")


def speaks_dns(request: Request) -> bool:
    """Whether a request carries DNS, by its media type (RFC 8484 section 4.1)."""
    fields = request.headers
    return DNS_MESSAGE in fields.get("content-type", "").lower() or DNS_MESSAGE in fields.get("accept", "").lower()


def is_distrust(error: str | None) -> bool:
    """Whether a TLS handshake failed because the client did not want our certificate, by the alert that it sent."""
    return any(reason in (error or "") for reason in _DISTRUST)
