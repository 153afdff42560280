"""Names that look like others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.scripts import find_confusion
from dnsfilter.names import canonical


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tiktok.com", ""),
        ("bücher.example", ""),
        ("пример.example", ""),
        ("東京タワーtv.example", ""),
        ("한국kr.example", ""),
        ("tikt\u043ek.com", "mixes scripts (Cyrillic, Latin)"),
        ("\u03b1pple.com", "mixes scripts (Greek, Latin)"),
        ("\u0430\u0440\u0440\u04cf\u0435.com", "letters that look like Latin ones"),
        ("xn--zzzzzzzzz.com", ""),
    ],
)
def test_what_may_be_taken_for_another_name(name, reason):
    """Mixtures that writing needs are fine; letters of another script among Latin ones, or in their guise, are not."""
    found = find_confusion(canonical(name))
    assert reason in found
    assert bool(found) == bool(reason)


@given(st.from_regex(r"[a-z0-9-]{0,20}", fullmatch=True))
def test_any_label_is_judged(label):
    """A label that is no valid A-label is judged without an error."""
    assert isinstance(find_confusion(f"xn--{label}.example"), str)
