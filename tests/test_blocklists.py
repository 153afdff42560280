"""The shipped lists: what they block, what they must never block, and what their README shows."""

import re

import pytest
import yaml

from dnsfilter.blocklist.catalogue import Entry, parse_catalogue
from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.config import parse_configuration
from dnsfilter.feeds.sources import SHIPPED, read_list
from dnsfilter.model import CompiledList, DnsAction, Grade, Match, Role, Rule
from dnsfilter.policy.matcher import Matcher
from dnsfilter.settings.order import Blocklist

NAMES = ("tiktok", "bypass", "never-block", "professional-apps")


def words(text):
    return text.split()


def compile_shipped(name):
    blocklist = Blocklist(name=name, file=f"{name}.yaml")
    text, file, changed = read_list(blocklist, SHIPPED)
    parsed = parse_list(text, file, blocklist)
    assert parsed.problems == ()
    return compile_list(blocklist, parsed, changed)


LISTS = {name: compile_shipped(name) for name in NAMES}
MATCHERS = {name: Matcher([compiled]) for name, compiled in LISTS.items()}


def find(blocklist, name):
    """Return the rule by which a list covers a name; None where it frees it or does not know it."""
    rules = MATCHERS[blocklist].match(name)
    return rules[0] if rules and not rules[0].passthru else None


STRONG = words(
    """
api.tiktokv.com api16-normal-c-useast1a.tiktokv.com api22-core-c-alisg.tiktokv.com api16-normal-useast5.tiktokv.us
api16-core-useast5.tiktokv.us api16-normal-no1a.tiktokv.eu api31-core-no1a.tiktokv.eu api19-normal.us.tiktokv.com
log16-normal-useast5.tiktokv.us log.tiktokv.com log22-normal-alisg.tiktokv.com log16-normal-no1a.tiktokv.eu
rtlog19-applog-useast2a.tiktokv.com rtlog16-normal-no1a.tiktokv.eu rtlog.us.tiktokv.com xlog-va.tiktokv.com
tnc16-platform-useast5.tiktokv.us tnc16-alisg.tiktokv.com tnc16-platform-no1a.tiktokv.eu tnc.us.tiktokv.com
dm16.tiktokv.com gecko31-normal-alisg.tiktokv.com gecko16-normal-no1a.tiktokv.eu jsb16-normal-alisg.tiktokv.com
hotapi16-normal-no1a.tiktokv.eu libra16-normal-useast5.tiktokv.us search16-normal-c-useast1a.tiktokv.com
oec16-normal-alisg.tiktokv.com webcast16-normal-no1a.tiktokv.eu im16-normal.tiktokv.us location16-normal.tiktokv.eu
pitaya16-normal-useast5.tiktokv.us bsync16-normal-no1a.tiktokv.eu applog16-va.tiktokv.com
tiktok-quic-proxy-sg.byteglb.com 0pbxmo.xzcs3zlph.com api.mzfvozqybf.com qfyf1toi.com log.toutiao50.com
api2-19-h2.musical.ly
"""
)

WEAK = words(
    """
tiktok.com www.tiktok.com m.tiktok.com vm.tiktok.com vt.tiktok.com webcast.tiktok.com im-api.tiktok.com
tiktokv.com tiktokv.us tiktokv.eu mon.tiktokv.com mon16-normal-useast5.tiktokv.us mon16-normal-no1a.tiktokv.eu
mcs-sg.tiktokv.com mcs-va.tiktokv.com starling.tiktokv.us frontier.tiktokv.com frontier.us.tiktokv.com
verification-va.tiktokv.com vcs-va.tiktokv.com v16m.tiktokcdn.com p16-sign.tiktokcdn-us.com v19.tiktokcdn-eu.com
pull-f5-va01.tiktokcdn.com lf16-effectcdn-sg.tiktokcdn.com pull-l3.ttlivecdn.com p16-tiktok-va.ibyteimg.com
sf16-website-login.neutral.ttwstatic.com muscdn.com musical.ly tiktokrow-cdn.com tiktokeu-cdn.com
p16-tiktokcdn-com.akamaized.net v16.tiktokcdn.com.akamaized.net www.tiktok.com.edgesuite.net
api-h2.tiktokv.com.edgekey.net pull.tiktokcdn.com.c.bytefcdn-oversea.com www.tiktok.com.bytewlb.akadns.net
tiktokv.eu.ttdns3.com tiktok.bytedance.map.fastly.net
"""
)

HARMLESS = words(
    """
analytics.tiktok.com analytics.us.tiktok.com analytics-sg.tiktok.com ads.tiktok.com ads-sg.tiktok.com
business-api.tiktok.com analytics-ipv6.tiktokw.us mcs.tiktokw.us libraweb.tiktokw.us tiktokw.eu
lf16-tiktok-web.tiktokcdn-us.com
"""
)

NOT_TIKTOK = words(
    """
larksuite.com www.larksuite.com larksuite.com.ttdns1.com larksuite.com.ttdns2.com larkoffice.com.bytedns1.com
lark-frontier.byteoversea.com lark-frontier-sg.byteoversea.com lark-frontier.snssdk.com lf16-lark-va.ibytedtos.com
frontier-lark-lb-v3.lf.bytelb.net p3-lark-file.byteimg.com feishu.cn open.feishu.cn feishu-tos.pstatp.com
feishucdn.com okr.com
capcut.com www.capcut.com capcutapi.com mon-boot.capcutapi.com p16-capcut-sign-va.ibyteimg.com
lemon8-app.com lf-lemon8-web.tiktokcdn-us.com tiktokshop.com seller.tiktokglobalshop.com
www.tiktokshop.com.edgesuite.net api16-access-sg.pangle.io tiktokpangle.us log.tiktokpangle-cdn-us.com.edgesuite.net
douyin.com amemv.com zijieapi.com
byteoversea.com log.byteoversea.com byteoversea.net snssdk.com extlog.snssdk.com isnssdk.com log.sgsnssdk.com pstatp.com
ibytedtos.com byteimg.com ibyteimg.com bytelb.net byteglb.com byteicdn.com ttdns1.com ttdns2.com ttdns3.com bytedns1.com
bytefcdn-oversea.com dig.bdurl.net bytedance.map.fastly.net bytedance.com
akamaized.net example.akamaized.net akamai.net edgesuite.net edgekey.net akadns.net fastly.net cdn.cloudflare.net
myqcloud.com appsflyersdk.com onelink.me app.link
app-measurement.com taobao.com aliyuncs.com amap.com cmbchina.com
nottiktok.com tiktok.com.corp.example com tiktok
"""
)


@pytest.mark.parametrize(
    ("name", "grade"),
    [(name, grade) for names, grade in ((STRONG, "strong"), (WEAK, "weak"), (HARMLESS, "none")) for name in names],
)
def test_tiktok_is_listed(name, grade):
    """Current names of every region are covered, and prove what they should."""
    rule = find("tiktok", name)
    assert rule, f"{name} is not covered"
    assert (rule.app, rule.grade) == ("tiktok", Grade(grade))


@pytest.mark.parametrize("name", NOT_TIKTOK)
def test_others_are_not_listed(name):
    """No work tool, other product, shared infrastructure or look-alike is blocked with TikTok."""
    assert find("tiktok", name) is None


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("use-application-dns.net", DnsAction.NXDOMAIN),
        ("mask.icloud.com", DnsAction.NXDOMAIN),
        ("mask-h2.icloud.com", DnsAction.NXDOMAIN),
        ("mask-canary.icloud.com", DnsAction.NXDOMAIN),
        ("resolver.arpa", DnsAction.NODATA),
        ("_dns.resolver.arpa", DnsAction.NODATA),
    ],
)
def test_canaries(name, answer):
    """Each canary has the answer it needs."""
    rule = find("bypass", name)
    assert (rule.role, rule.grade, rule.answer) == (Role.CANARY, Grade.NONE, answer)


@pytest.mark.parametrize(
    "name",
    words(
        """
    dns.google dns64.dns.google dns.google.com 8888.google cloudflare-dns.com mozilla.cloudflare-dns.com one.one.one.one
    dns.quad9.net dns11.quad9.net doh.opendns.com dns.nextdns.io abc123.dns.nextdns.io chromium.dns.nextdns.io
    dns.adguard-dns.com doh.cleanbrowsing.org family-filter-dns.cleanbrowsing.org doh.dns.sb dns.alidns.com doh.pub
    doh.dns.apple.com dig.bdurl.net doh.xfinity.com odvr.nic.cz protective.joindns4.eu
    """
    ),
)
def test_encrypted_dns(name):
    """Endpoints are covered, and prove nothing."""
    rule = find("bypass", name)
    assert (rule.role, rule.grade) == (Role.DOH, Grade.NONE)


@pytest.mark.parametrize(
    "name", ["google.com", "quad9.net", "www.opendns.com", "icloud.com", "apple.com", "nextdns.io"]
)
def test_vendors_of_encrypted_dns_are_not_listed(name):
    """Only endpoints are listed, not who runs them."""
    assert find("bypass", name) is None


def test_only_canaries_and_apple_have_answers_of_their_own():
    """What needs no special answer leaves it to the policy."""
    special = {rule.text for rule in LISTS["bypass"].rules if rule.answer and rule.role is not Role.CANARY}
    assert all("apple" in name or "icloud" in name or "aaplimg" in name for name in special)


@pytest.mark.parametrize(
    "name",
    words(
        """
    outlook.office.com outlook.office365.com autodiscover.outlook.com autodiscover-s.outlook.com
    autodiscover.contoso.onmicrosoft.com webdir.online.lync.com lyncdiscover.contoso.onmicrosoft.com teams.microsoft.com
    emea.ng.msg.teams.microsoft.com teams.cloud.microsoft statics.teams.cdn.office.net
    """
    ),
)
def test_professional_apps(name):
    """Mail and meetings are covered; using them proves nothing; nothing keeps them from being blocked."""
    rule = find("professional-apps", name)
    assert (rule.role, rule.grade) == (Role.WEB, Grade.NONE)
    assert MATCHERS["never-block"].match(name) == []


@pytest.mark.parametrize("name", ["microsoft.com", "office.com", "login.microsoftonline.com", "onmicrosoft.com"])
def test_what_professional_apps_leave_alone(name):
    """Signing in and everything else of the vendor stay."""
    assert find("professional-apps", name) is None


def test_never_block_frees_everything_it_names():
    """A list that names any of these as a whole is overruled."""
    texts = [rule.text for rule in LISTS["never-block"].rules if rule.match is Match.SUFFIX]
    careless = tuple(Rule("extra", "extra", Match.SUFFIX, text, Role.INFRA, Grade.NONE) for text in texts)
    extra = CompiledList("extra", "extra", Role.INFRA, Grade.NONE, len(careless), careless)
    matcher = Matcher([extra, LISTS["never-block"]])
    assert len(texts) > 150
    assert all(matcher.match(text)[0].blocklist == "never-block" for text in texts)
    assert all(rule.passthru for rule in LISTS["never-block"].rules)


@pytest.mark.parametrize(
    "name",
    words(
        """
    a248.e.akamai.net d1.cloudfront.net larksuite.com open.feishu.cn lark-frontier.byteoversea.com capcut.com
    p16-capcut-sign-va.ibyteimg.com captive.apple.com connectivitycheck.gstatic.com www.msftconnecttest.com
    detectportal.firefox.com r3.o.lencr.org ocsp.digicert.com crl3.digicert.com 0.debian.pool.ntp.org time.windows.com
    fe2.update.microsoft.com swcdn.apple.com deb.debian.org mitm.it a.root-servers.net 1.2.0.192.in-addr.arpa
    """
    ),
)
def test_never_block_covers(name):
    """What others need to work is named."""
    assert MATCHERS["never-block"].match(name)


@pytest.mark.parametrize("name", STRONG + WEAK + HARMLESS)
def test_never_block_leaves_tiktok_blocked(name):
    """The alias of TikTok on a shared CDN stays blocked although the CDN is never blocked as a whole."""
    rules = Matcher([LISTS["tiktok"], LISTS["never-block"]]).match(name)
    assert rules[0].blocklist == "tiktok"


def test_strong_names_are_hosts_of_the_app():
    """Whatever proves the app is a host of the app; a page, an advertisement or a file never is."""
    strong = [rule for rule in LISTS["tiktok"].rules if rule.grade is Grade.STRONG]
    assert {rule.role for rule in strong} == {Role.APP_API, Role.APP_TELEMETRY}


def test_tiktok_networks():
    """Both autonomous systems are there; an address proves little, because the operator has other products."""
    networks = [rule for rule in LISTS["tiktok"].rules if rule.match is Match.NETWORK]
    assert {"71.18.0.0/21", "103.136.220.0/22"} <= {rule.text for rule in networks}
    assert {rule.grade for rule in networks} == {Grade.WEAK}


README = (SHIPPED / "README.md").read_text()
EXAMPLES = [yaml.safe_load(example) for example in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_readme(example):
    """Every example is accepted as it stands."""
    text = yaml.safe_dump(example)
    if "app" in example:
        assert parse_catalogue(text, "README.md", Blocklist(name="x", file="x.yaml")).rules
    else:
        assert parse_configuration(text, "README.md").blocklists


def test_the_readme_names_every_key_and_file():
    """Keys, roles, grades and shipped files are all explained."""
    explained = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL)))
    assert set(Entry.model_fields) <= explained
    assert set(Role) <= explained
    assert set(Grade) <= explained
    assert {path.name for path in SHIPPED.glob("*.yaml")} <= explained
