"""A notice to the owner of a device as a mail, the same bytes at every attempt: so no retry is a second notice."""

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from textwrap import fill
from typing import NamedTuple

from dnsfilter.model import EventKind
from dnsfilter.outgoing.languages.de import GERMAN
from dnsfilter.outgoing.languages.en import ENGLISH
from dnsfilter.outgoing.languages.form import Consequence, Form
from dnsfilter.outgoing.languages.fr import FRENCH
from dnsfilter.outgoing.languages.nl import DUTCH
from dnsfilter.outgoing.message import Message

FORMS = {form.code: form for form in (ENGLISH, FRENCH, GERMAN, DUTCH)}
WIDTH = 76

_ADDRESS = re.compile(r"(?P<user>[^\s@,;:<>()\[\]\"\\]+)@(?P<domain>[^\s@,;:<>()\[\]\"\\]+)")
_UNANNOUNCED = (EventKind.CLEARED, EventKind.QUARANTINED)
"""Notices that say themselves what follows."""


class Recipient(NamedTuple):
    """The owner of a device, as the inventory has them now."""

    mail: str
    owner: str
    device: str
    language: str


class Order(NamedTuple):
    """What an order asks for: until when (local time), and whether it withholds work services or only blocks."""

    apps: str
    deadline: datetime | None
    withholds: bool


class Sender(NamedTuple):
    """Who writes, and whom to ask."""

    mail: str
    contact: str


def compose(message: Message, recipient: Recipient, order: Order, sender: Sender, language: str) -> EmailMessage:
    """Return the mail; ValueError where the recipient's address cannot be written to, without saying it."""
    form, moment = FORMS[recipient.language or language], datetime.fromtimestamp(message.event.time, UTC)
    name, address = parseaddr(sender.mail)
    mail = EmailMessage(policy=SMTP if recipient.mail.isascii() else SMTPUTF8)
    mail["From"] = Address(name, addr_spec=address)
    mail["To"] = _to_address(recipient)
    mail["Subject"] = _fill_in(form.subjects[message.event.kind], form, recipient, order)
    mail["Date"] = format_datetime(moment)
    mail["Message-ID"] = f"<{message.event.id}.{message.number}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5
    mail["X-Auto-Response-Suppress"] = "All"  # what Exchange heeds in its place
    mail.set_content(_write_body(message, recipient, order, sender, form), cte="quoted-printable")
    mail["Content-Language"] = form.code
    return mail


def _to_address(recipient: Recipient) -> Address:
    match = _ADDRESS.fullmatch(recipient.mail)
    if not match or not recipient.mail.isprintable():
        raise ValueError("the inventory has no usable mail address")
    return Address(_one_line(recipient.owner), match["user"], match["domain"])


def _write_body(message: Message, recipient: Recipient, order: Order, sender: Sender, form: Form) -> str:
    parts = _fill_in(form.bodies[message.event.kind], form, recipient, order).split("\n\n")
    if order.deadline and message.event.kind not in _UNANNOUNCED:
        is_later = message.event.time < order.deadline.timestamp()
        parts.append(_fill_in(form.consequences[_find_consequence(order, is_later=is_later)], form, recipient, order))
    if sender.contact:
        parts.append(form.contact.format(contact=sender.contact))
    return "\n\n".join(fill(part, WIDTH, break_long_words=False) for part in (*parts, form.origin)) + "\n"


def _find_consequence(order: Order, *, is_later: bool) -> Consequence:
    if order.withholds:
        return Consequence.WITHHELD_LATER if is_later else Consequence.WITHHELD_NOW
    return Consequence.BLOCKED_LATER if is_later else Consequence.BLOCKED_NOW


def _fill_in(text: str, form: Form, recipient: Recipient, order: Order) -> str:
    """Put names and dates into a text; what inventory and lists call devices and apps stays on one line."""
    deadline = form.format_moment(order.deadline) if order.deadline else ""
    return text.format(app=_one_line(order.apps), device=_one_line(recipient.device), deadline=deadline)


def _one_line(text: str) -> str:
    """Return a text without what would end its line or is no character."""
    return "".join(filter(str.isprintable, text))
