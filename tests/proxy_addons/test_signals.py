"""Signs of an app beside names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import Headers
from mitmproxy.test import tutils

from dnsfilter.model import CompiledList, Grade, Match, Role, Rule
from proxy_addons.signals import SignalRules, find_signals, is_distrust, load_signals, pin, speaks_dns

APP, BROWSER, LIBRARY = "request by the app", "request by the app's browser", "request by a library of the maker"
CHROME = "Mozilla/5.0 (Linux; Android 13; SM-G991U) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0"


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("User-Agent", "com.zhiliaoapp.musically/2022509040 (Linux; U; Android 13; en_US)", {(APP, "strong")}),
        ("User-Agent", "com.ss.android.ugc.trill/2613 (Linux; U; Android 10)", {(APP, "strong")}),
        ("User-Agent", "com.zhiliaoapp.musically.go/null Dalvik/2.1.0", {(APP, "strong")}),
        ("User-Agent", "TikTok 26.2.0 rv:262018 (iPhone; iOS 14.4.2; en_US) Cronet", {(APP, "strong")}),
        (
            "User-Agent",
            f"{CHROME} trill_350402 JsSdk/1.0 NetType/MOBILE AppName/trill app_version/35.3.1 BytedanceWebview/d8a21c6",
            {(BROWSER, "strong"), (LIBRARY, "weak")},
        ),
        ("User-Agent", f"{CHROME} Mobile/15E148 musical_ly_34.0.0 JsSdk/2.0 NetType/WIFI", {(BROWSER, "strong")}),
        ("X-Requested-With", "com.zhiliaoapp.musically", {(BROWSER, "strong")}),
        ("User-Agent", f"{CHROME} BytedanceWebview/d8a21c6", {(LIBRARY, "weak")}),
        ("User-Agent", "com.lemon.lvoverseas/9 (Linux) Cronet/TTNetVersion:ae513f3c", {(LIBRARY, "weak")}),
        ("X-Gorgon", "0404b0d30000" + "0" * 40, {("request signed by a library of the maker", "weak")}),
        ("User-Agent", CHROME, set()),
        ("User-Agent", f"{CHROME} about com.zhiliaoapp.musically/1", set()),
        ("User-Agent", "TikTok fan page reader 1.0", set()),
        ("X-Requested-With", "XMLHttpRequest", set()),
        ("X-Requested-With", "com.zhiliaoapp.musically.fake", set()),
        ("X-Gorgon", "1", set()),
    ],
)
def test_tells_the_app_from_others(field: str, text: str, expected: set[tuple[str, str]]) -> None:
    """Recorded fields of the app, of other apps of its maker, and of browsers, each with its grade."""
    headers = Headers([(field.encode(), text.encode())])
    assert {(signal.name, signal.grade) for signal in find_signals(headers)} == expected


@given(st.text(), st.sampled_from(sorted(load_signals())))
def test_takes_any_field(text: str, field: str) -> None:
    """No field makes recognition fail."""
    list(find_signals(Headers([(field.encode(), text.encode("utf-8", "surrogatepass"))])))


def test_names_of_one_app_have_one_grade() -> None:
    """A name is a family of evidence, so that it must prove the same wherever it stands."""
    signals = [signal for found in load_signals().values() for signal in found]
    assert len({(one.app, one.name) for one in signals}) == len({(one.app, one.name, one.grade) for one in signals})


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("content-type", "application/dns-message", True),
        ("accept", "text/html, Application/DNS-Message;q=0.9", True),
        ("accept", "*/*", False),
        ("content-type", "application/dns-json", False),
    ],
)
def test_knows_dns_over_https(field: str, text: str, *, expected: bool) -> None:
    """The media type of RFC 8484 tells, in a question by POST and in one by GET."""
    assert speaks_dns(tutils.treq(headers=Headers([(field.encode(), text.encode())]))) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("tlsv1 alert unknown ca", True),
        ("OpenSSL Error([('SSL routines', '', 'sslv3 alert certificate unknown')])", True),
        ("ssl/tls alert bad certificate", True),
        ("connection closed", False),
        ("OpenSSL Error([('SSL routines', '', 'unsupported protocol')])", False),
        (None, False),
    ],
)
def test_distrust_is_an_alert(error: str | None, *, expected: bool) -> None:
    """A client that says it does not want the certificate; one that just went away, or is too old, proves nothing."""
    assert is_distrust(error) is expected


def test_rules_follow_the_lists() -> None:
    """A sign stands for one rule in each list about its app, DNS for one in each list of resolvers."""
    name = Rule("order", "tiktok", Match.SUFFIX, "tiktok.com", Role.WEB, Grade.WEAK)
    lists = [
        CompiledList("order", "mixed", Role.INFRA, Grade.NONE, 1, (name,)),
        CompiledList("bypass", "encrypted-dns", Role.DOH, Grade.NONE, 0),
        CompiledList("other", "capcut", Role.INFRA, Grade.NONE, 0),
    ]
    rules = SignalRules(lists)
    signal = next(signal for signal in load_signals()["user-agent"] if signal.name == APP)
    assert [(rule.blocklist, rule.app, rule.text, rule.grade) for rule in rules.of_signal(signal)] == [
        ("order", "tiktok", APP, "strong")
    ]
    assert [(rule.blocklist, rule.app, rule.role) for rule in rules.of_dns()] == [("bypass", "encrypted-dns", "doh")]
    assert (pin(name).text, pin(name).grade) == ("pinned tiktok.com", Grade.WEAK)
