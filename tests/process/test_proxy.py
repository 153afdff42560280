"""The command that starts the proxy."""

from pathlib import Path

import pytest

from dnsfilter.config import Configuration
from dnsfilter.errors import ProcessError
from dnsfilter.process import proxy as twin
from dnsfilter.process.proxy import find_proxy_problems, proxy_commands, proxy_endpoints
from dnsfilter.settings.operation import Proxy

MODES = ("regular@127.0.0.1:8080", "socks5@127.0.0.1:1080")


def _configuration(**settings: object) -> Configuration:
    return Configuration(state="/state", proxy=Proxy.model_validate({"listen": MODES, **settings}))


def test_no_listener_no_proxy() -> None:
    """Where the configuration names no mode, nothing is started."""
    assert proxy_commands(Configuration()) == []


def test_names_everything_that_matters() -> None:
    """The command has every mode, lazy connections, the state directory, and an addon that exists."""
    (command,) = proxy_commands(_configuration())
    assert Path(command[0]).name == "mitmdump"
    assert [command[index + 1] for index, word in enumerate(command) if word == "--mode"] == list(MODES)
    settings = {command[index + 1] for index, word in enumerate(command) if word == "--set"}
    assert {"connection_strategy=lazy", "dnsfilter_state=/state", "confdir=/state/mitmproxy"} <= settings
    assert Path(command[command.index("-s") + 1]).is_file()


def test_needs_mitmproxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without mitmdump the error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(twin.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ProcessError, match=r"mitmdump is not installed: pip install 'dnsfilter\[proxy\]'"):
        proxy_commands(_configuration())


def test_refuses_more_workers_than_it_can_start() -> None:
    """A worker count that cannot be had is an error that names the key and the value."""
    with pytest.raises(ProcessError, match=r"proxy\.workers: 2"):
        proxy_commands(_configuration(workers=2))


def test_names_modes_that_are_none() -> None:
    """What mitmproxy would refuse is said before it is started, with its key."""
    problems = find_proxy_problems(_configuration(listen=["regular", "bogus", "regular@127.0.0.1:99999"]))
    assert [problem.key for problem in problems] == ["proxy.listen[1]", "proxy.listen[2]"]
    assert "'bogus' is not a mitmproxy mode" in problems[0].message


def test_knows_where_the_proxy_listens() -> None:
    """Modes over TCP have an endpoint that can be checked before anything is started."""
    listen = ["regular@127.0.0.1:8080", "socks5@[::1]:1080", "transparent@8081", "wireguard@51820"]
    found = [str(endpoint) for endpoint in proxy_endpoints(_configuration(listen=listen))]
    assert found == ["127.0.0.1:8080", "[::1]:1080", "0.0.0.0:8081"]
    assert proxy_endpoints(Configuration()) == []
