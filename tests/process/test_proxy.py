"""The processes of the proxy."""

import importlib
import socket
from collections.abc import Callable

import pytest

from dnsfilter.config import Configuration
from dnsfilter.errors import ProcessError
from dnsfilter.process import proxy as twin
from dnsfilter.process.proxy import find_proxy_problems, proxy_endpoints, proxy_parts
from dnsfilter.settings.operation import Proxy

MODES = ("regular@127.0.0.1:8080", "socks5@127.0.0.1:1080")


def _configuration(**settings: object) -> Configuration:
    return Configuration(state="/state", proxy=Proxy.model_validate({"listen": MODES, **settings}))


def test_no_listener_no_proxy() -> None:
    """Where the configuration names no mode, nothing is started."""
    assert proxy_parts(Configuration()) == []


def test_workers_share_their_sockets(free_port: Callable[[], int]) -> None:
    """All workers wait at one listening socket, so that whoever is idle takes what comes; only the first takes UDP."""
    port = free_port()
    listen = [f"regular@127.0.0.1:{port}", "wireguard@127.0.0.1:51820"]
    first, second = proxy_parts(_configuration(listen=listen, workers=2))
    (shared,) = first.descriptors
    assert first.command[1:] == [
        "-P",
        "-m",
        "proxy_addons.program",
        "/state",
        "proxy-0",
        f"regular@127.0.0.1:{port}={shared}",
        "wireguard@127.0.0.1:51820=udp",
    ]
    assert second.command[-1] == f"regular@127.0.0.1:{port}={shared}"
    assert second.descriptors == first.descriptors
    assert (first.name, second.name) == ("proxy-0", "proxy-1")
    with socket.socket(fileno=shared) as sock:
        assert sock.getsockname() == ("127.0.0.1", port)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    assert importlib.util.find_spec(first.command[3])


def test_a_mode_over_both_gets_both(free_port: Callable[[], int]) -> None:
    """Reverse mode to an HTTPS server takes TCP by inherited sockets and QUIC by one of its own."""
    mode = f"reverse:https://192.0.2.1@127.0.0.1:{free_port()}"
    (part,) = proxy_parts(_configuration(listen=[mode]))
    assert part.command[-1] == f"{mode}={part.descriptors[0]},udp"
    socket.socket(fileno=part.descriptors[0]).close()


@pytest.mark.parametrize(
    ("missing", "said"),
    [("mitmproxy", r"pip install 'dnsfilter\[proxy\]'"), ("proxy_addons", "is not installed beside dnsfilter")],
)
def test_needs_mitmproxy_and_addon(monkeypatch: pytest.MonkeyPatch, missing: str, said: str) -> None:
    """Without either the error says what to install."""
    monkeypatch.setattr(twin, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ProcessError, match=f"{missing}.*{said}"):
        proxy_parts(_configuration())


def test_names_modes_that_are_none() -> None:
    """What mitmproxy would refuse is said before it is started, with its key."""
    listen = ["regular", "bogus", "regular@127.0.0.1:99999", "regular"]
    problems = find_proxy_problems(_configuration(listen=listen))
    assert [problem.key for problem in problems] == ["proxy.listen[1]", "proxy.listen[2]", "proxy.listen[3]"]
    assert "'bogus' is not a mitmproxy mode" in problems[0].message
    assert problems[2].message == "'regular' is there twice"


@pytest.mark.parametrize("key", ["users", "client_ca"])
def test_names_files_that_cannot_be_read(key: str) -> None:
    """A file that is not there is an error with its key, before anything is started."""
    (problem,) = find_proxy_problems(_configuration(**{key: "/nowhere/file"}))
    assert (problem.key, problem.message) == (f"proxy.{key}", "/nowhere/file: No such file or directory")


def test_knows_where_the_proxy_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modes over TCP have endpoints that can be checked before anything is started."""
    monkeypatch.setattr(twin, "is_available", lambda _: True)
    listen = ["regular@127.0.0.1:8080", "socks5@[::1]:1080", "transparent@8081", "wireguard@51820"]
    found = [str(endpoint) for endpoint in proxy_endpoints(_configuration(listen=listen))]
    assert found == ["127.0.0.1:8080", "[::1]:1080", "0.0.0.0:8081", "[::]:8081"]
    assert proxy_endpoints(Configuration()) == []
