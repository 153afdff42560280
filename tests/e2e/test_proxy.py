"""The addon in a real mitmdump: what real curl gets, and what real servers never see."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dnsfilter.channel import serve_channel
from dnsfilter.feeds.snapshot import FILE_NAME
from dnsfilter.journal import Batch
from dnsfilter.model import Sighting
from tests.e2e.proxy import ADDON, MITMDUMP, Proxy, curl, issuer, settings, start_proxy
from tests.e2e.server import ENVIRONMENT, fetch
from tests.fakes.origin import BODY, ISSUER, Origin, make_certificate
from tests.fakes.published import TRUSTING
from tests.processes import Processes, free_port, wait_until

LISTED = "api16-normal-c-useast1a.tiktokv.com"
LISTED_PAGE = "www.tiktok.com"
UNLISTED = "www.example.org"
NAMES = (LISTED, LISTED_PAGE, UNLISTED)

Start = Callable[..., Proxy]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("origin"), *NAMES)


@pytest.fixture
def secure(certificate: Path) -> Iterator[Origin]:
    """Stand behind port 443 of every name."""
    with Origin(certificate) as origin:
        yield origin


@pytest.fixture
def plain() -> Iterator[Origin]:
    """Stand behind port 80 of every name."""
    with Origin() as origin:
        yield origin


@pytest.fixture
def start(processes: Processes, tmp_path: Path, secure: Origin, plain: Origin) -> Start:
    """Return a function that starts a proxy whose policy is in a phase."""

    def start_in(phase: str | None, *options: str, **more: object) -> Proxy:
        mode = str(more.pop("mode", "regular"))
        wanted = settings(phase, tmp_path, **more)
        return start_proxy(processes, tmp_path, wanted, {443: secure.port, 80: plain.port}, *options, mode=mode)

    return start_in


def test_enforce_refuses_before_any_connection(start: Start, secure: Origin, plain: Origin) -> None:
    """A listed name is refused in CONNECT, in the ClientHello and in plain HTTP; no server sees a connection."""
    proxy = start("enforce")
    connect = proxy.curl(f"https://{LISTED}/", "-k")
    hello = proxy.curl(f"https://{LISTED}/", "-k", "--connect-to", f"{LISTED}:443:{UNLISTED}:443")
    page = proxy.curl(f"http://{LISTED_PAGE}/video", "-A", "curl")
    host = proxy.curl(f"http://{UNLISTED}/", "-H", f"Host: {LISTED_PAGE}")
    assert (connect.exit_status, connect.connect_status) == (56, 403)
    assert hello.connect_status == 200
    assert hello.status == 0
    assert hello.exit_status in {35, 56}
    assert page.status == host.status == 451
    assert LISTED_PAGE in page.body
    assert "15\N{NO-BREAK SPACE}March\N{NO-BREAK SPACE}2023" in page.body
    assert (secure.accepted, plain.accepted) == (0, 0)
    assert proxy.metric("dnsfilter_proxy_connections_total", decision="refuse") == 4
    assert proxy.metric("dnsfilter_proxy_requests_total", decision="refuse") == 2
    assert proxy.metric("dnsfilter_proxy_flags_total", app="tiktok", channel="http", group="plain") == 3
    assert proxy.metric("dnsfilter_proxy_flags_total", app="tiktok", channel="sni", group="plain") == 1


def test_the_same_name_would_reach_the_server(start: Start, secure: Origin, plain: Origin) -> None:
    """Before the first phase the listed name arrives, so that a count of zero means something."""
    proxy = start(None)
    assert proxy.curl(f"https://{LISTED}/", "-k").body == BODY.decode()
    assert proxy.curl(f"http://{LISTED_PAGE}/").body == BODY.decode()
    assert (secure.accepted, plain.accepted) == (1, 1)
    assert proxy.metric("dnsfilter_proxy_flags_total") == 0


def test_unlisted_is_untouched(start: Start, plain: Origin, certificate: Path) -> None:
    """What is not listed passes undecrypted, under the server's own certificate, and is not logged."""
    proxy = start("enforce")
    secret = proxy.curl(f"https://{UNLISTED}/", "--cacert", str(certificate))
    open_ = proxy.curl(f"http://{UNLISTED}/path?q=1")
    assert (secret.status, secret.body) == (200, BODY.decode())
    assert ISSUER in issuer(secret)
    assert open_.body == BODY.decode()
    assert plain.requests[0].startswith(b"GET /path?q=1 HTTP/1.1\r\n")
    assert UNLISTED not in proxy.running.output
    assert proxy.metric("dnsfilter_proxy_connections_total", decision="pass") == 2
    assert proxy.metric("dnsfilter_proxy_flags_total") == 0


@pytest.mark.parametrize("phase", ["observe", "warn"])
def test_observe_and_warn_pass_undecrypted(start: Start, secure: Origin, certificate: Path, phase: str) -> None:
    """Where no page can be shown, a listed name passes undecrypted and is recorded."""
    proxy = start(phase)
    fetched = proxy.curl(f"https://{LISTED}/", "--cacert", str(certificate))
    assert (fetched.status, secure.accepted) == (200, 1)
    assert ISSUER in issuer(fetched)
    assert proxy.metric("dnsfilter_proxy_flags_total", app="tiktok", channel="sni") == 1
    assert LISTED not in proxy.running.output


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_trusting_device_gets_the_page(start: Start, secure: Origin, tmp_path: Path, version: str) -> None:
    """A device that trusts the CA sees the notice inside TLS, under HTTP/1.1 and HTTP/2; the server sees nobody."""
    proxy = start("enforce")
    ca = tmp_path / "mitmproxy" / "mitmproxy-ca-cert.pem"
    options = (version, "--interface", TRUSTING, "--cacert", str(ca))
    page = proxy.curl(f"https://{LISTED_PAGE}/", *options)
    assert page.status == 451
    assert f"{LISTED_PAGE} was not opened" in page.body
    told = proxy.curl(f"https://{LISTED}/v1/feed", *options, "-H", "Accept: application/json")
    assert json.loads(told.body)["app"] == "tiktok"
    head = proxy.curl(f"https://{LISTED_PAGE}/", *options, "-I")
    assert head.status == 451
    assert secure.accepted == 0


def test_one_click_continues(start: Start, secure: Origin, plain: Origin, tmp_path: Path) -> None:
    """In the warn phase the page comes before the server does; the form's one button leads on, also under TLS."""
    proxy = start("warn")
    page = proxy.curl(f"http://{LISTED_PAGE}/video?id=1", "--interface", TRUSTING)
    assert page.status == 403
    assert plain.accepted == 0
    ca = ("--cacert", str(tmp_path / "mitmproxy" / "mitmproxy-ca-cert.pem"))
    assert proxy.curl(f"https://{LISTED_PAGE}/", "--interface", TRUSTING, *ca).status == 403
    assert secure.accepted == 0
    action = re.findall(r'<form method="post" action="([^"]+)"', page.body)[0].replace("&amp;", "&")
    click = proxy.curl(
        f"http://{LISTED_PAGE}{action}", "--interface", TRUSTING, "-X", "POST", "-d", "", "-L", "--post303"
    )
    assert "Location: /video?id=1" in click.log
    assert proxy.curl(f"http://{LISTED_PAGE}/video?id=1", "--interface", TRUSTING).body == BODY.decode()
    assert ISSUER in issuer(proxy.curl(f"https://{LISTED_PAGE}/", "--interface", TRUSTING, "-k"))


def test_socks_names_are_seen(start: Start, secure: Origin) -> None:
    """A name given to a SOCKS proxy is refused, whatever is spoken over it; another passes."""
    proxy = start("enforce", mode="socks5")
    through = f"socks5h://127.0.0.1:{proxy.port}"
    assert proxy.curl(f"https://{LISTED}/", "-k", "-x", through).status == 0
    assert proxy.curl(f"telnet://{LISTED}:443", "-x", through, "-m", "3").body == ""
    assert secure.accepted == 0
    assert proxy.curl(f"https://{UNLISTED}/", "-k", "-x", through).status == 200
    assert proxy.metric("dnsfilter_proxy_connections_total", decision="refuse") >= 1


def test_sinkhole_shows_the_page(start: Start, secure: Origin) -> None:
    """Behind the sinkhole address, in reverse mode, a device is refused by SNI or shown the page by its Host field."""
    proxy = start("enforce", mode="reverse:https://192.0.2.1:443")
    there = ("--connect-to", f"::127.0.0.1:{proxy.port}", "-k")
    assert curl(f"https://{LISTED}/", *there).status == 0
    assert curl(f"https://{LISTED}/", *there, "--interface", TRUSTING).status == 451
    assert curl(f"http://{LISTED_PAGE}/", *there).status == 451
    assert secure.accepted == 0
    assert proxy.metric("dnsfilter_proxy_flags_total", channel="sni") == 2
    assert proxy.metric("dnsfilter_proxy_flags_total", channel="http") == 1


def test_sightings_reach_the_manager(start: Start) -> None:
    """What the proxy saw arrives on the channel, with client and channel, even if nobody listened at first."""
    proxy = start("enforce")
    assert proxy.curl(f"http://{LISTED_PAGE}/").status == 451

    async def listen() -> list[Sighting]:
        sightings: list[Sighting] = []
        enough = asyncio.Event()

        def take(batch: Batch) -> None:
            sightings.extend(batch.sightings)
            if len(sightings) >= 2:
                enough.set()

        receiver = await serve_channel(proxy.state, take)
        await asyncio.to_thread(proxy.curl, f"https://{LISTED}/", "-k", "--connect-to", f"::{UNLISTED}:443")
        await asyncio.wait_for(enough.wait(), 20)
        await receiver.close()
        return sightings

    seen = asyncio.run(listen())
    assert [(one.client, one.app, one.channel, one.action, one.group) for one in seen] == [
        ("127.0.0.1", "tiktok", "http", "refuse", "plain"),
        ("127.0.0.1", "tiktok", "sni", "refuse", "plain"),
    ]


def test_a_new_generation_takes_effect(start: Start, secure: Origin) -> None:
    """What another process publishes is in force within seconds; a damaged snapshot changes nothing and is said."""
    proxy = start("enforce")
    (proxy.state / FILE_NAME).write_bytes(b"damaged" * 100)
    wait_until(lambda: "last good policy stays in force" in proxy.running.output, "the damage is said")
    assert proxy.curl(f"https://{LISTED}/", "-k").connect_status == 403
    changed = json.loads(proxy.configuration.read_text())
    changed["policies"][0]["phases"] = {"enforce": "2999-01-01"}
    proxy.configuration.write_text(json.dumps(changed))
    publisher = [sys.executable, "-m", "dnsfilter.process.publisher", str(proxy.configuration)]
    subprocess.run(publisher, check=True, env=ENVIRONMENT, timeout=60)
    wait_until(lambda: proxy.curl(f"https://{LISTED}/", "-k").status == 200, "the new policy is in force")
    assert secure.accepted == 1


def test_goes_on_without_a_manager(start: Start) -> None:
    """With nobody to send sightings to, enforcement and metrics go on."""
    proxy = start("enforce")
    for _ in range(3):
        assert proxy.curl(f"http://{LISTED_PAGE}/").status == 451
    assert proxy.metric("dnsfilter_proxy_flags_total") == 3
    assert proxy.metric("dnsfilter_proxy_errors_total") == 0
    wait_until(lambda: proxy.metric("dnsfilter_proxy_open_connections") == 0, "all connections are closed")
    assert fetch(proxy.metrics_port)[0] == 200
    assert proxy.running.output.count("\n") <= 1
    assert proxy.running.stop() == 0


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        (["--set", "connection_strategy=eager"], {}, "connection_strategy=eager connects before the name is known"),
        ([], {"blocklists": [{"name": "tiktok", "file": "absent.yaml"}]}, "absent.yaml"),
    ],
)
def test_says_why_it_does_not_start(
    tmp_path: Path, options: list[str], change: dict[str, object], message: str
) -> None:
    """Eager connections, and input that is wrong, end mitmdump at start with one clear line and no traceback."""
    file = tmp_path / "dnsfilter.yaml"
    metrics = {"metrics": f"127.0.0.1:{free_port()}"}
    file.write_text(json.dumps({**settings("enforce", tmp_path), "proxy": metrics, **change}, default=str))
    values = ["--set", f"dnsfilter_config={file}", "--set", f"confdir={tmp_path / 'mitmproxy'}"]
    command = [str(MITMDUMP), "-q", "-s", str(ADDON), *values, *options, "--mode", f"regular@127.0.0.1:{free_port()}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
