"""The notice page, as a browser, a screen reader and a program get it."""

import json
import re
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
    wants_json,
)

NOTICE = Notice("www.tiktok.com", "tiktok", "order", date(2023, 3, 15), "help desk, extension 4711")
WARNING = Notice("www.tiktok.com", "tiktok", "order", None, action="/.well-known/dnsfilter/continue?a=1&b=2")
VOID = {"meta", "br"}


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
    page = render(NOTICE, DEFAULT_LANGUAGE)
    for text in ("www.tiktok.com", "tiktok", "order", "2023-03-15", "help desk, extension 4711"):
        assert text in page


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


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("Application/JSON;q=0.9", True),
        ("application/vnd.api+json", True),
        ("text/html, application/json", False),
    ],
)
def test_tells_programs_from_browsers(accept: str, *, expected: bool) -> None:
    """JSON is for those who ask for it and not for a page."""
    assert wants_json(accept) is expected


def test_json_says_the_same() -> None:
    """A program gets status, name, app, order and date as fields."""
    response = respond(NOTICE, tutils.treq(headers=Headers(accept="application/json")), REFUSED_STATUS)
    assert response.headers["content-type"] == "application/json"
    fields = json.loads(response.content or b"")
    assert fields["status"] == REFUSED_STATUS
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
    assert int(response.headers["content-length"]) == len(response.raw_content or b"") > 0


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
    """All languages have the texts and fields of English."""
    texts = load_texts()
    for language, translated in texts.items():
        for key, text in texts[DEFAULT_LANGUAGE].items():
            assert set(re.findall(r"{\w+}", translated[key])) == set(re.findall(r"{\w+}", text)), (language, key)
