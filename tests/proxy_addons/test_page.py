"""The notice page, as a browser, a screen reader and a program get it."""

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import Headers
from mitmproxy.test import tutils

from proxy_addons.page import (
    DEFAULT_LANGUAGE,
    FORBIDDEN_STATUS,
    REFUSED_STATUS,
    Notice,
    load_texts,
    redirect,
    render,
    respond,
    tell,
)

NOTICE = Notice("www.tiktok.com", "tiktok", "order", date(2023, 3, 15), "help desk, extension 4711")
WARNING = Notice("www.tiktok.com", "tiktok", "order", None, action="/.well-known/dnsfilter/continue?a=1&b=2")
VOID = {"meta", "br"}
OFFICIAL = (
    *("bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr"),
    *("hu", "it", "lt", "lv", "mt", "nl", "pl", "pt", "ro", "sk", "sl", "sv"),
)
"""Regulation No 1 of the Council, as last amended in 2013."""


class Outline(HTMLParser):
    """Checks that elements nest and collects what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element and, unless it is void, open it."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must be the one named."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text of the innermost element."""
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_page_is_accessible_and_self_contained() -> None:
    """The page has a language, a title, one main heading, nested elements, no script and nothing from elsewhere."""
    page = outline(render(NOTICE, DEFAULT_LANGUAGE))
    names = [tag for tag, _ in page.tags]
    assert dict(page.tags)["html"]["lang"] == DEFAULT_LANGUAGE
    assert page.texts["title"] == page.texts["h1"]
    assert names.count("h1") == names.count("main") == 1
    assert not {"script", "img", "link", "iframe", "form"} & set(names)
    assert not [attributes for _, attributes in page.tags if {"src", "href", "onclick", "style"} & set(attributes)]


def test_page_says_what_why_since_when_and_whom_to_ask() -> None:
    """Name, app, order, date and contact are all on the page."""
    page = render(NOTICE, DEFAULT_LANGUAGE).replace("\N{NO-BREAK SPACE}", " ")
    for text in ("www.tiktok.com", "tiktok", "order", "since 15 March 2023.", "help desk, extension 4711"):
        assert text in page


def test_page_calls_the_app_what_people_call_it() -> None:
    """People read the title, programs the name that metrics and lists have."""
    notice = replace(NOTICE, title="TikTok")
    assert "belongs to the app “TikTok”" in render(notice, DEFAULT_LANGUAGE)
    response = respond(notice, tutils.treq(headers=Headers(accept="application/json")), REFUSED_STATUS)
    assert json.loads(response.text or "")["app"] == "tiktok"


def test_warning_has_one_button() -> None:
    """A warning can be continued with one button of a plain form; a date that is not known is left out."""
    page = outline(render(WARNING, DEFAULT_LANGUAGE))
    forms = [attributes for tag, attributes in page.tags if tag == "form"]
    assert forms == [{"method": "post", "action": WARNING.action}]
    assert [tag for tag, _ in page.tags].count("button") == 1
    assert "since" not in render(WARNING, DEFAULT_LANGUAGE)


@given(st.text(), st.text())
def test_nothing_on_the_page_becomes_markup(host: str, contact: str) -> None:
    """Whatever a name or a contact holds is text on the page."""
    page = outline(render(Notice(host, "tiktok", "order", None, contact), DEFAULT_LANGUAGE))
    assert [tag for tag, _ in page.tags if tag in {"script", "img", "a"}] == []


def test_json_says_the_same() -> None:
    """A program gets problem details: status, name, app, order and date as fields, the words in its language."""
    headers = Headers(accept="application/json", accept_language="de")
    response = respond(NOTICE, tutils.treq(headers=headers), REFUSED_STATUS)
    assert response.headers["content-type"] == "application/problem+json"
    fields = json.loads(response.content or b"")
    assert (fields["status"], fields["title"]) == (REFUSED_STATUS, "Unavailable For Legal Reasons")
    assert fields["detail"].startswith("www.tiktok.com wurde nicht geöffnet")
    assert (fields["host"], fields["app"], fields["since"]) == ("www.tiktok.com", "tiktok", "2023-03-15")


@pytest.mark.parametrize(
    ("status", "reason"), [(REFUSED_STATUS, "Unavailable For Legal Reasons"), (FORBIDDEN_STATUS, "Forbidden")]
)
def test_page_is_not_cached(status: int, reason: str) -> None:
    """The response has its status with reason, its language, and is not to be stored."""
    response = respond(NOTICE, tutils.treq(), status)
    assert (response.status_code, response.reason) == (status, reason)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-language"] == DEFAULT_LANGUAGE
    assert response.headers["vary"] == "Accept, Accept-Language"
    assert int(response.headers["content-length"]) == len(response.raw_content or b"") > 0


@pytest.mark.parametrize("language", OFFICIAL)
def test_speaks_every_official_language(language: str) -> None:
    """Who prefers an official language of the EU gets the page in it, marked as such, with everything it has to say."""
    fields = [(b"Accept-Language", b"eo;q=0.9, "), (b"Accept-Language", f"{language}-x-test, en;q=0.1".encode())]
    response = respond(NOTICE, tutils.treq(headers=Headers(fields)), REFUSED_STATUS)
    page = outline(response.text or "")
    assert response.headers["content-language"] == language
    assert dict(page.tags)["html"] == {"lang": language, "dir": "ltr"}
    assert page.texts["title"] == load_texts()[language]["refused_title"]
    for text in ("www.tiktok.com", "tiktok", "order", "2023", "help desk, extension 4711"):
        assert text in (response.text or "")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("bg", "от 15.03.2023 г."),  # noqa: RUF001 - it is one of theirs
        ("de", "seit dem 15.3.2023."),
        ("fr", "depuis le 15/03/2023."),
        ("hr", "od 15. 3. 2023."),
        ("hu", "2023. 03. 15."),
        ("pl", "od 15.03.2023 r."),
        ("sv", "sedan 2023-03-15."),
    ],
)
def test_dates_as_a_language_writes_them(language: str, said: str) -> None:
    """The date stands in the language's own form, and ends its sentence with one full stop."""
    since = tell(NOTICE, language)["since"]
    assert since.replace("\N{NO-BREAK SPACE}", " ").endswith(said)
    assert not since.endswith("..")


def test_a_websocket_is_refused_as_a_program() -> None:
    """A handshake gets the status and problem details, and no 101: no browser shows a page for it."""
    headers = Headers(connection="Upgrade", upgrade="websocket", accept="text/html")
    response = respond(NOTICE, tutils.treq(headers=headers), REFUSED_STATUS)
    assert response.status_code == REFUSED_STATUS
    assert response.headers["content-type"] == "application/problem+json"
    assert "upgrade" not in response.headers


def test_head_has_no_body() -> None:
    """HEAD gets the length of the page but no octet of it."""
    response = respond(NOTICE, tutils.treq(method=b"HEAD"), REFUSED_STATUS)
    assert response.raw_content == b""
    assert int(response.headers["content-length"]) > 0


def test_redirect_goes_on_by_get() -> None:
    """After the click the browser asks for the page again, with GET."""
    response = redirect("/video?x=1")
    assert (response.status_code, response.headers["location"]) == (303, "/video?x=1")


def test_every_language_has_every_text() -> None:
    """The official languages are all there, with the texts and fields of English, and none is left in English."""
    texts = load_texts()
    assert set(texts) == set(OFFICIAL)
    for language, translated in texts.items():
        assert translated.keys() == texts[DEFAULT_LANGUAGE].keys(), language
        for key, text in texts[DEFAULT_LANGUAGE].items():
            assert language == DEFAULT_LANGUAGE or key == "ask" or translated[key] != text, (language, key)
            if key == "date":
                assert set(re.findall(r"{(\w+)", translated[key])) in (
                    {"day", "month", "year"},
                    {"day", "name", "year"},
                )
            else:
                assert set(re.findall(r"{\w+}", translated[key])) == set(re.findall(r"{\w+}", text)), (language, key)


@pytest.mark.parametrize("language", OFFICIAL)
def test_advice_names_what_has_to_go(language: str) -> None:
    """Who is kept from his mail is told to remove the app that is the cause, not his mail."""
    said = tell(replace(NOTICE, app="mail", title="Mail", cause="TikTok"), language)
    assert "TikTok" in said["advice"]
    assert "Mail" not in said["advice"]
    assert "Mail" in said["what"]
