"""Content negotiation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons.preferences import MAX_MEMBERS, choose_language, prefers_json, read_preferences

AVAILABLE = ("de", "en", "fr", "pt", "zh-hant")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", []),
        ("da, en-GB;q=0.8, en;q=0.7", [("da", 1.0), ("en-gb", 0.8), ("en", 0.7)]),
        ("en;q=0.1 , \tfr ; Q=0.75;x=y", [("fr", 0.75), ("en", 0.1)]),
        ("text/html;level=1;q=0.5,*/*", [("*/*", 1.0), ("text/html", 0.5)]),
        ("de;q=0, fr;q=1.000, en;q=0.123", [("fr", 1.0), ("en", 0.123), ("de", 0.0)]),
        ("en;q=2, de;q=-1, fr;q=0.1234, pt;q=1.1, nl;q=, sv;q", []),
        (",, ;q=1, a b, en", [("en", 1.0)]),
    ],
)
def test_reads_quality_values(field: str, expected: list[tuple[str, float]]) -> None:
    """The examples and the grammar of RFC 9110 section 12.4.2; what is ill-formed counts for nothing."""
    assert read_preferences(field) == expected


@pytest.mark.parametrize(
    ("field", "language"),
    [
        ("", "en"),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ("de;q=0.4, fr;q=0.5", "fr"),
        ("PT-br", "pt"),
        ("zh-Hant-TW, de;q=0.9", "zh-hant"),
        ("zh-Hans, de;q=0.9", "de"),
        ("eo, *;q=0.1", "en"),
        ("*, de;q=0.5", "en"),
        ("fr;q=0, fr-BE", "en"),
        ("ja", "en"),
    ],
)
def test_chooses_a_language(field: str, language: str) -> None:
    """The most wanted of the available languages, by ever shorter tags; what is refused is not chosen."""
    assert choose_language(field, AVAILABLE, "en") == language


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("application/json", True),
        ("application/problem+json", True),
        ("application/json, text/plain, */*", True),
        ("Application/JSON;q=0.9", True),
        ("application/vnd.api+json", True),
        ("text/html, application/json", False),
        ("text/html;q=0.5, application/json", True),
        ("application/json;q=0", False),
    ],
)
def test_tells_programs_from_browsers(accept: str, *, expected: bool) -> None:
    """JSON is for those who ask for it by name, and not for a page as much."""
    assert prefers_json(accept) is expected


@given(st.text(st.sampled_from("abq=;,.-*/ 01\t\x00é")), st.text())
def test_takes_whatever_is_sent(field: str, other: str) -> None:
    """No field fails, costs more than its bound, or yields a language that there is none of."""
    for text in (field, other, field * MAX_MEMBERS):
        assert len(read_preferences(text)) <= MAX_MEMBERS
        assert choose_language(text, AVAILABLE, "en") in AVAILABLE
        prefers_json(text)
