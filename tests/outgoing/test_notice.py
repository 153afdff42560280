"""Notices as mail programs read them."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.model import LANGUAGES, NOTICES, EventKind
from dnsfilter.outgoing.languages.form import Consequence
from dnsfilter.outgoing.notice import FORMS, WIDTH, Order, Recipient, Sender, compose
from tests.fakes.events import MORNING, event, message

DEADLINE = datetime(2023, 3, 20, tzinfo=ZoneInfo("Europe/Brussels"))
ORDER = Order("tiktok", DEADLINE, withholds=True)
OWNER = Recipient("j.mueller@corp.example", "Jürgen Müller", "Jürgens Telefon", "")
SENDER = Sender("IT security <it@corp.example>", "help desk, 4711")


def read(mail: EmailMessage) -> EmailMessage:
    """Return a mail as a mail program reads it."""
    return message_from_bytes(bytes(mail), policy=default)


def written(kind: EventKind, language: str = "en", order: Order = ORDER, owner: Recipient = OWNER) -> EmailMessage:
    """Return a notice as it arrives."""
    return read(compose(message(kind, outlet="mail"), owner._replace(language=language), order, SENDER, "en"))


def test_headers() -> None:
    """A notice says who writes, to whom, when, that no machine need answer, and has an id of its own."""
    mail = written(EventKind.CONFIRMED)
    assert mail["From"].addresses[0].addr_spec == "it@corp.example"
    assert mail["To"].addresses[0].display_name == "Jürgen Müller"
    assert mail["To"].addresses[0].addr_spec == "j.mueller@corp.example"
    assert mail["Date"].datetime == datetime.fromtimestamp(MORNING, UTC)
    assert mail["Message-ID"] == "<evt_1.1@corp.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail["Subject"] == "tiktok is in use on your device Jürgens Telefon"


def test_a_retry_is_no_second_notice() -> None:
    """The same message is the same mail to the octet; another recipient's has another id."""
    first, again = (bytes(compose(message(), OWNER, ORDER, SENDER, "en")) for _ in range(2))
    assert first == again
    other = compose(message(number=2), OWNER, ORDER, SENDER, "en")
    assert other["Message-ID"] != read(compose(message(), OWNER, ORDER, SENDER, "en"))["Message-ID"]


@pytest.mark.parametrize("kind", NOTICES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_notice_in_every_language(kind: EventKind, language: str) -> None:
    """Each names app or device and whom to ask, has no gap left, and its lines fit a screen."""
    mail = written(kind, language)
    text = mail.get_content()
    assert mail["Content-Language"] == language
    assert "tiktok" in text
    assert "help desk, 4711" in " ".join(text.split())
    assert not set("{}") & set(mail["Subject"] + text)
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_say_the_same(language: str) -> None:
    """Every language has every text, and each text the same gaps as the English one."""
    form, english = FORMS[language], FORMS["en"]
    for texts, model in (
        (form.subjects, english.subjects),
        (form.bodies, english.bodies),
        (form.consequences, english.consequences),
    ):
        assert {key: gaps(text) for key, text in texts.items()} == {key: gaps(text) for key, text in model.items()}
    assert set(form.subjects) == set(form.bodies) == set(NOTICES)
    assert set(form.consequences) == set(Consequence)
    assert (len(form.months), gaps(form.contact)) == (12, {"contact"})


def gaps(text: str) -> set[str]:
    """Return what a text lets others fill in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("language", "date"), [("en", "20 March 2023"), ("fr", "20 mars 2023"), ("de", "20. März 2023"), ("nl", "20 maart")]
)
def test_dates(language: str, date: str) -> None:
    """A deadline stands as people of that language write it."""
    assert date in written(EventKind.REMINDER, language)["Subject"]


@pytest.mark.parametrize(
    ("language", "moment"),
    [
        ("en", "1 March 2023 at 08:30 (CET)"),
        ("fr", "1er mars 2023 à 08 h 30 (CET)"),
        ("de", "1. März 2023, 08:30 Uhr (CET)"),
        ("nl", "1 maart 2023 om 08.30 uur (CET)"),
    ],
)
def test_a_time_of_the_day(language: str, moment: str) -> None:
    """A deadline that is no midnight has its time and timezone, as people of that language write it."""
    order = ORDER._replace(deadline=DEADLINE.replace(day=1, hour=8, minute=30))
    assert moment in written(EventKind.REMINDER, language, order)["Subject"]


def test_no_line_begins_with_a_mark() -> None:
    """What French sets off by a space stays on the line of the word before it."""
    for kind in NOTICES:
        assert not [
            line for line in written(kind, "fr").get_content().splitlines() if line.startswith((":", ";", "?", "!"))
        ]


@pytest.mark.parametrize(
    ("days", "withholds", "text"),
    [
        (5, True, "From 20 March 2023 on, work services"),
        (-10, True, "Since 10 March 2023, work services"),
        (5, False, "From 20 March 2023 on, the app's servers"),
        (-10, False, "Since 10 March 2023, the app's servers"),
    ],
)
def test_consequences(days: int, withholds: bool, text: str) -> None:  # noqa: FBT001
    """A notice says what follows, from when on or since when."""
    deadline = DEADLINE if days > 0 else DEADLINE.replace(day=10)
    mail = written(EventKind.CONFIRMED, order=Order("tiktok", deadline, withholds))
    assert text in mail.get_content().replace("\n", " ")


def test_no_title_of_a_list_makes_headers() -> None:
    """Whatever a list calls its app, it stays on its line."""
    mail = written(EventKind.CONFIRMED, order=ORDER._replace(apps="App\r\nBcc: x@corp.example"))
    assert mail["Subject"].startswith("AppBcc: x@corp.example is in use")
    assert "Bcc" not in mail


def test_without_a_deadline() -> None:
    """A policy that only warns has no consequence to tell."""
    text = written(EventKind.CONFIRMED, order=Order("tiktok", None, withholds=False)).get_content()
    assert "Since" not in text
    assert "From" not in text


@pytest.mark.parametrize("address", ["", "nobody", "a b@c", "a@b\r\nBcc: x@y", "a@b, c@d", "<>", "@corp.example"])
def test_unusable_addresses(address: str) -> None:
    """An address that nobody could write to is refused, without repeating it."""
    with pytest.raises(ValueError, match=r"^the inventory has no usable mail address$"):
        compose(message(), OWNER._replace(mail=address), ORDER, SENDER, "en")


def test_an_address_beyond_ascii() -> None:
    """A mailbox whose name is not ASCII stands as it is, as RFC 6532 allows."""
    mail = bytes(compose(message(), OWNER._replace(mail="jürgen@corp.example"), ORDER, SENDER, "en"))
    assert "jürgen@corp.example".encode() in mail


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_no_text_of_the_inventory_makes_headers(owner: str, device: str) -> None:
    """Whatever the inventory calls owners and devices, there is one recipient and no header of theirs."""
    recipient = Recipient("a@corp.example", owner, device, "en")
    plain = set(written(EventKind.CONFIRMED).keys())
    mail = read(compose(message(), recipient, ORDER, SENDER, "en"))
    assert set(mail.keys()) == plain
    assert [address.addr_spec for address in mail["To"].addresses] == ["a@corp.example"]
    assert event().device not in str(mail["Subject"])
