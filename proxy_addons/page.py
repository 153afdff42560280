"""The notice page: what was refused, why, since when, what to do, whom to ask; as plain HTML or as JSON (RFC 9457).

In the language that the client prefers. No script, nothing loaded from elsewhere. The texts are data (texts.yaml); this
file knows no language.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from html import escape
from http import HTTPStatus
from importlib import resources
from string import Template

from mitmproxy.http import Request, Response

from dnsfilter.document import parse_document
from dnsfilter.outgoing.languages.en import ENGLISH
from proxy_addons.preferences import choose_language, prefers_json

DEFAULT_LANGUAGE = "en"
REFUSED_STATUS = 451
"""Unavailable For Legal Reasons (RFC 7725)."""
FORBIDDEN_STATUS = 403

HTML = "text/html; charset=utf-8"
PROBLEM = "application/problem+json"

_HEADERS = {
    "Cache-Control": "no-store",
    "Vary": "Accept, Accept-Language",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="$language" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { margin: 0 auto; padding: 2rem 1rem; max-width: 40rem }
body { font: 1.1rem/1.6 sans-serif; color: #1a1a1a; background: #fff }
h1 { font-size: 1.6rem; line-height: 1.3 } h2 { font-size: 1.15rem; margin-bottom: 0 } h2 + p { margin-top: .25rem }
p { overflow-wrap: anywhere }
button { font: inherit; padding: .6rem 1.2rem; color: #fff; background: #1f4e79; border: 0; border-radius: .3rem }
button:focus-visible { outline: 3px solid #b35900; outline-offset: 2px }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p>$what</p>
<h2>$why_heading</h2>
<p>$why $since $recorded</p>
<h2>$do_heading</h2>
<p>$advice</p>
$form<h2>$ask_heading</h2>
<p>$ask</p>
</main>
</body>
</html>
""")

_FORM = Template("""\
<form method="post" action="$action">
<p><button type="submit">$label</button><br><small>$note</small></p>
</form>
""")


@dataclass(frozen=True, slots=True)
class Notice:
    """What a page tells; `action` is where its one button leads, empty where nothing can be continued.

    `title` is what people call the app, where a list says so; `cause` what they call the app that has to go before this
    one comes back, where it is another.
    """

    host: str
    app: str
    policy: str
    since: date | None
    contact: str = ""
    action: str = ""
    title: str = ""
    cause: str = ""


def respond(notice: Notice, request: Request, status: int) -> Response:
    """Return the notice as a response to the request: as JSON when asked for, without a body for HEAD."""
    fields = request.headers
    language = choose_language(",".join(fields.get_all("accept-language")), load_texts(), DEFAULT_LANGUAGE)
    is_page = not is_upgrade(request) and not prefers_json(",".join(fields.get_all("accept")))
    kind, body = (HTML, render(notice, language)) if is_page else (PROBLEM, _problem(notice, language, status))
    response = Response.make(status, body, {"Content-Type": kind, "Content-Language": language, **_HEADERS})
    response.reason = HTTPStatus(status).phrase  # mitmproxy knows no 451
    if request.method == "HEAD":
        response.data.content = b""
    return response


def redirect(target: str) -> Response:
    """Return the response that sends a browser on to where it wanted to go."""
    return Response.make(303, b"", {"Location": target, **_HEADERS})


def is_upgrade(request: Request) -> bool:
    """Whether a request is the handshake of a WebSocket (RFC 6455): only a program sees what refuses it."""
    return "websocket" in request.headers.get("upgrade", "").lower()


def render(notice: Notice, language: str) -> str:
    """Return the page as HTML."""
    said = {key: escape(text) for key, text in tell(notice, language).items()}
    form = _FORM.substitute(said, action=escape(notice.action)) if notice.action else ""
    return _PAGE.substitute(said, language=language, form=form)


def tell(notice: Notice, language: str) -> dict[str, str]:
    """Return every text of the page in a language, filled in."""
    texts = load_texts()[language]
    kind = "warned" if notice.action else "refused"
    fields = {
        "host": notice.host,
        "app": notice.title or notice.app,
        "policy": notice.policy,
        "since": _format(notice.since, texts["date"]) if notice.since else "",
        "contact": notice.contact or texts["default_contact"],
    }
    parts = {
        "title": f"{kind}_title",
        "what": kind,
        "advice": f"{kind}_advice",
        "label": "continue",
        "note": "continue_note",
    }
    plain = ("why_heading", "why", "recorded", "do_heading", "ask_heading", "ask")
    said = {part: texts[key].format_map(fields) for part, key in (parts | dict(zip(plain, plain, strict=True))).items()}
    if notice.cause:
        said["advice"] = texts["withheld_advice"].format_map(fields | {"app": notice.cause})
    said["since"] = texts["since"].format_map(fields) if notice.since else ""
    return said


def _format(day: date, pattern: str) -> str:
    """Return a date as a language writes it; the name of the month is the English one."""
    return pattern.format(day=day.day, month=day.month, year=day.year, name=ENGLISH.months[day.month - 1])


@cache
def load_texts() -> dict[str, dict[str, str]]:
    """Return the texts of all languages."""
    source = resources.files("proxy_addons").joinpath("texts.yaml")
    texts: dict[str, dict[str, str]] = parse_document(source.read_text(encoding="utf-8"), "texts.yaml").data
    return texts


def _problem(notice: Notice, language: str, status: int) -> str:
    """Return the notice as problem details; without a type of its own the title is the status's (RFC 9457 4.2.1)."""
    said = tell(notice, language)
    fields = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "detail": said["what"],
        "advice": said["advice"],
        "host": notice.host,
        "app": notice.app,
        "policy": notice.policy,
        "since": notice.since.isoformat() if notice.since else None,
        "contact": said["ask"],
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"
