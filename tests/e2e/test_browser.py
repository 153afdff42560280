"""A real Chromium, which trusts the proxy's CA, behind the real proxy: what a person sees.

DNSFILTER_SCREENSHOT=FILE keeps a picture of the page, for the documentation.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.processes import free_port, require_program, wait_until

LISTED_PAGE = "www.tiktok.com"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=800,800",
)

Browse = Callable[..., str]


@pytest.fixture
def browse(start: Callable[..., Server], tmp_path: Path) -> Browse:
    """Return a function that opens a URL in a new Chromium behind a new proxy and returns the page as it stands."""
    chromium, certutil = require_program("chromium", "chromium"), require_program("certutil", "libnss3-tools")
    port = free_port()
    groups = [{"name": "managed", "networks": ["127.0.0.0/8"], "trusts_ca": True}]
    proxy = {"listen": [f"regular@127.0.0.1:{port}"], "metrics": f"127.0.0.1:{free_port()}", "contact": "IT, 4711"}
    server = start(groups=groups, proxy=proxy)
    authority = Path(server.settings["state"]) / "mitmproxy" / "mitmproxy-ca-cert.pem"
    wait_until(authority.exists, "the proxy has a CA")
    trust = tmp_path / ".pki" / "nssdb"
    trust.mkdir(parents=True)
    for words in (["-N", "--empty-password"], ["-A", "-n", "ours", "-t", "C,,", "-i", str(authority)]):
        subprocess.run([certutil, "-d", f"sql:{trust}", *words], check=True, timeout=30)

    def open_page(url: str, language: str, *options: str) -> str:
        places = [f"--user-data-dir={tmp_path / language}", f"--proxy-server=http://127.0.0.1:{port}"]
        command = [chromium, *FLAGS, *places, f"--accept-lang={language}", *options, url]
        environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=90, check=False, cwd=tmp_path, env=environment
        )
        return done.stdout or done.stderr

    return open_page


@pytest.mark.slow
def test_a_person_sees_the_notice(browse: Browse, tmp_path: Path) -> None:
    """Under HTTPS, without a warning of the browser, in the browser's language; drawn, it is more than a blank."""
    page = browse(f"https://{LISTED_PAGE}/video/1", "sl,en", "--dump-dom")
    assert '<html lang="sl" dir="ltr">' in page
    assert f"Naslov {LISTED_PAGE} ni bil odprt." in page
    assert "IT, 4711" in page
    picture = Path(os.environ.get("DNSFILTER_SCREENSHOT", tmp_path / "notice.png"))
    browse(f"https://{LISTED_PAGE}/video/1", "en", f"--screenshot={picture.absolute()}")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000
