"""Delivers mail over SMTP: one connection per message, encrypted and with a login where configured.

A server's words are never repeated, for they may hold the recipient's address; its status code is.
"""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage

from dnsfilter.delivery.files import load_trust, read_secret
from dnsfilter.delivery.threads import call
from dnsfilter.outgoing.message import Fate, Message, Result
from dnsfilter.settings.notification import Notices

TIMEOUT = 20.0
"""Seconds that any single step may take."""

_SHUTTING_DOWN = 421
_PERMANENT = 500


class Mail:
    """One mail server; `compose` writes a message's mail, or says with ValueError why it has no recipient."""

    def __init__(self, settings: Notices, compose: Callable[[Message], EmailMessage]) -> None:
        self._settings = settings
        self._compose = compose

    async def deliver(self, message: Message) -> Result:
        """Try once."""
        try:
            mail = self._compose(message)
        except ValueError as error:
            return Result(Fate.REFUSED, str(error))
        return await call(lambda: self._send(mail))

    async def close(self) -> None:
        """Do nothing: no connection stays."""

    def _send(self, mail: EmailMessage) -> Result:
        """Send one mail; what fails before it is offered concerns all mail, afterwards this one."""
        try:
            with self._connect() as server:
                return _offer(server, mail)
        except ValueError as error:
            return Result(Fate.BLOCKED, str(error))
        except smtplib.SMTPResponseException as error:
            return Result(Fate.BLOCKED, f"the mail server says {error.smtp_code}")
        except ssl.SSLError as error:
            return Result(Fate.BLOCKED, f"TLS failed: {error.reason or 'certificate'}")
        except (smtplib.SMTPException, OSError) as error:
            return Result(Fate.BLOCKED, getattr(error, "strerror", None) or type(error).__name__)

    @contextmanager
    def _connect(self) -> Iterator[smtplib.SMTP]:
        settings = self._settings
        assert settings.server
        host, name = settings.server.host, socket.gethostname()
        if settings.security == "tls":
            context = load_trust(settings.ca)
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, settings.port, name, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(host, settings.port, name, timeout=TIMEOUT)
        with server:
            if settings.security == "starttls":
                server.starttls(context=load_trust(settings.ca))
            if settings.user:
                server.login(settings.user, read_secret(settings.password_file or ""))
            yield server


def _offer(server: smtplib.SMTP, mail: EmailMessage) -> Result:
    try:
        server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
    except smtplib.SMTPDataError as error:
        code = error.smtp_code
    except smtplib.SMTPNotSupportedError:
        return Result(Fate.REFUSED, "the mail server takes no such address")
    else:
        return Result(Fate.DELIVERED)
    if code == _SHUTTING_DOWN:
        return Result(Fate.BLOCKED, f"the mail server says {code}")
    return Result(Fate.REFUSED if code >= _PERMANENT else Fate.LATER, f"the mail server says {code}")
