"""A real SMTP server (aiosmtpd) on loopback that answers as it is told and keeps what it accepts."""

import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from tests.processes import free_port

OK = "250 OK"


class Postbox:
    """One server; `recipient` and `data` are what it answers to RCPT and to the end of DATA."""

    def __init__(
        self, certificate: Path | None = None, *, login: tuple[str, str] | None = None, port: int | None = None
    ) -> None:
        self.recipient = self.data = OK
        self.mails: list[EmailMessage] = []
        self.senders: list[str] = []
        self.was_encrypted: list[bool] = []
        self.port = port or free_port()
        self._login = login
        options: dict[str, Any] = {"decode_data": False, "enable_SMTPUTF8": True}
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            options |= {"tls_context": context, "require_starttls": True}
        if login:
            options |= {"authenticator": self._authenticate, "auth_required": True}
        self._controller = Controller(self, "127.0.0.1", self.port, **options)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def _authenticate(self, _server: SMTP, _session: object, _envelope: object, _how: str, given: Any) -> AuthResult:
        assert self._login
        expected = tuple(text.encode() for text in self._login)
        return AuthResult(success=(given.login, given.password) == expected)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: object, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient or not."""
        if self.recipient == OK:
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, _server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail or not."""
        if self.data == OK:
            content = cast("bytes", envelope.content)
            self.mails.append(cast("EmailMessage", message_from_bytes(content, policy=default)))
            self.senders.append(envelope.mail_from or "")
            self.was_encrypted.append(session.ssl is not None)
        return self.data
