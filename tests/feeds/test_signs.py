"""The signs that are shipped, against recorded fields."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.evidence.signs import SignRules
from dnsfilter.feeds.signs import load_signs
from dnsfilter.model import CompiledList, Grade, Role

APP, BROWSER = "request by the app (api*)", "request by the app's browser"
LIBRARY = "request by a library of the maker"
CHROME = "Mozilla/5.0 (Linux; Android 13; SM-G991U) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0"
RULES = SignRules([CompiledList("tiktok", "tiktok", Role.INFRA, Grade.NONE, 0)], load_signs())


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("user-agent", "com.zhiliaoapp.musically/2022509040 (Linux; U; Android 13; en_US)", {(APP, "strong")}),
        ("user-agent", "com.ss.android.ugc.trill/2613 (Linux; U; Android 10)", {(APP, "strong")}),
        ("user-agent", "com.zhiliaoapp.musically.go/null Dalvik/2.1.0", {(APP, "strong")}),
        ("user-agent", "TikTok 26.2.0 rv:262018 (iPhone; iOS 14.4.2; en_US) Cronet", {(APP, "strong")}),
        (
            "user-agent",
            f"{CHROME} trill_350402 JsSdk/1.0 NetType/MOBILE AppName/trill app_version/35.3.1 BytedanceWebview/d8a21c6",
            {(BROWSER, "strong"), (LIBRARY, "weak")},
        ),
        ("user-agent", f"{CHROME} Mobile/15E148 musical_ly_34.0.0 JsSdk/2.0 NetType/WIFI", {(BROWSER, "strong")}),
        ("x-requested-with", "com.zhiliaoapp.musically", {(BROWSER, "strong")}),
        ("user-agent", f"{CHROME} BytedanceWebview/d8a21c6", {(LIBRARY, "weak")}),
        ("user-agent", "com.lemon.lvoverseas/9 (Linux) Cronet/TTNetVersion:ae513f3c", {(LIBRARY, "weak")}),
        ("x-gorgon", "0404b0d30000" + "0" * 40, {("request signed by a library of the maker", "weak")}),
        ("user-agent", CHROME, set()),
        ("user-agent", f"{CHROME} about com.zhiliaoapp.musically/1", set()),
        ("user-agent", "TikTok fan page reader 1.0", set()),
        ("user-agent", "TelegramBot (like TwitterBot)", set()),
        ("user-agent", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", set()),
        ("x-requested-with", "XMLHttpRequest", set()),
        ("x-requested-with", "com.zhiliaoapp.musically.fake", set()),
        ("x-gorgon", "1", set()),
    ],
)
def test_tells_the_app_from_others(field: str, text: str, expected: set[tuple[str, str]]) -> None:
    """Recorded fields of the app, of other apps of its maker, and of browsers, each with its grade."""
    assert {(rule.text, rule.grade) for (rule,) in RULES.find({field: text})} == expected


def test_names_of_one_app_have_one_grade() -> None:
    """A name is a family of evidence, so that it must prove the same wherever it stands."""
    signs = load_signs()
    assert len({(one.app, one.name) for one in signs}) == len({(one.app, one.name, one.grade) for one in signs})


@given(st.text(), st.sampled_from(sorted({sign.field for sign in load_signs()})))
def test_takes_any_field(text: str, field: str) -> None:
    """No field makes recognition fail, and looked for are lower-case names."""
    list(RULES.find({field: text}))
    assert field == field.lower()


def test_no_field_holds_everybody_up() -> None:
    """A field that is made to be searched for long, as often as a second lets, costs little processor time."""
    before = time.process_time()
    list(RULES.find({sign.field: " trill_1 " * 10_000 for sign in load_signs()}))
    assert time.process_time() - before < 1
