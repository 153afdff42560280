"""`dnsfilter check`: what is an error, what a warning, and where."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dnsfilter.cli.check import check
from dnsfilter.errors import InputError
from dnsfilter.feeds import configuration as feeds_configuration
from dnsfilter.process import proxy

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a configuration."""

    def write_file(**settings: Any) -> Path:
        (tmp_path / "own.txt").write_text("www.example\n")
        file = tmp_path / "dnsfilter.yaml"
        whole = {
            "upstreams": [{"servers": ["192.0.2.53"]}],
            "blocklists": [{"name": "own", "file": "own.txt"}],
            "policies": [{"name": "own", "blocklists": ["own"], "phases": {"enforce": "2023-03-15"}}],
            **settings,
        }
        file.write_text(json.dumps(whole, indent=1))
        return file

    return write_file


def run(file: Path | None) -> Result:
    """Run the command."""
    return CliRunner().invoke(check, ["-c", str(file)] if file else [])


def refused(file: Path) -> list[str]:
    """Return the lines that the command line would show."""
    done = run(file)
    assert isinstance(done.exception, InputError)
    assert done.stdout == ""
    return str(done.exception).splitlines()


def test_says_what_it_found(write: Write) -> None:
    """A configuration without a mistake is one line that counts."""
    done = run(write())
    assert (done.exit_code, done.stderr) == (0, "")
    assert re.fullmatch(r"1 policy, \d+ lists, \d+ entries\n", done.stdout)


def test_says_where_the_self_test_is_refused(write: Write) -> None:
    """Leaving out our own address is no mistake, and a warning says with its line what the self-test can see then."""
    file = write(listen={"dns": ["0.0.0.0:5353", "[::1]:5353"]}, allow_clients=["10.0.0.0/8", "::1/128"])
    done = run(file)
    line = file.read_text().splitlines().index(' "allow_clients": [') + 1
    assert done.exit_code == 0
    assert done.stderr == (
        f"warning: {file}:{line}: allow_clients: leaves out 127.0.0.1, from where the self-test asks: "
        "all it can see is that it is refused\n"
    )
    assert run(write(allow_clients=["10.0.0.0/8"], selftest={"interval": "0s"})).stderr == ""


def test_changes_nothing(write: Write, tmp_path: Path) -> None:
    """Checking makes no file."""
    file = write()
    before = sorted(tmp_path.iterdir())
    run(file)
    assert sorted(tmp_path.iterdir()) == before


def test_mistakes_of_all_kinds_at_once(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inventory and proxy are said together, each with its place."""
    monkeypatch.setattr(proxy, "find_spec", lambda _: None)
    (tmp_path / "devices.csv").write_text("id,group\nL-1,nobody\n")
    file = write(inventory="devices.csv", proxy={"listen": ["regular@127.0.0.1:8080"]})
    lines = refused(file)
    places = file.read_text().splitlines()
    listen = places.index('  "listen": [') + 1
    assert f"{tmp_path}/devices.csv:2: group: there is no group 'nobody'" in lines
    assert f"{file}:{listen}: proxy.listen: mitmproxy is not installed: pip install 'dnsfilter[proxy]'" in lines
    assert len(lines) == 2


def test_no_proxy_needs_no_mitmproxy(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no proxy is asked for it is no mistake that there is none."""
    monkeypatch.setattr(proxy, "find_spec", lambda _: None)
    assert run(write()).exit_code == 0


def test_the_default_needs_no_mitmproxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded default is good without mitmproxy; a warning says what is missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(feeds_configuration, "SEARCH_PATH", ())
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 192.0.2.53\n")
    monkeypatch.setattr(feeds_configuration.read_system_servers, "__defaults__", (resolv_conf,))
    monkeypatch.setattr(proxy, "find_spec", lambda _: None)
    done = run(None)
    assert done.exit_code == 0
    assert done.stderr == "warning: proxy.listen: mitmproxy is not installed: pip install 'dnsfilter[proxy]'\n"


def test_a_store_without_its_driver_is_a_mistake(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the driver for PostgreSQL is missing, one line names the key and says how to install it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    file = write(store={"url": "postgresql://u:secret@db.example/x"})
    line = file.read_text().splitlines().index('  "url": "postgresql://u:secret@db.example/x"') + 1
    (said,) = refused(file)
    assert said.startswith(f"{file}:{line}: store.url: the driver psycopg cannot be loaded")
    assert said.endswith("pip install 'dnsfilter[postgresql]'")


def test_a_subscription_without_a_copy_is_a_warning(write: Write) -> None:
    """A list that was never downloaded is said, with its place, and is no mistake of the input."""
    file = write(
        blocklists=[{"name": "sub", "url": "https://lists.example/a", "format": "domains"}],
        policies=[{"name": "own", "blocklists": ["sub"], "phases": {"enforce": "2023-03-15"}}],
    )
    done = run(file)
    assert done.exit_code == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"warning: {file}:")
    assert line.endswith("blocklists[0].url: sub has not been downloaded yet and is empty until then")


def test_a_list_with_a_bad_line_is_a_mistake(write: Write, tmp_path: Path) -> None:
    """What compiling only skips, checking does not let pass."""
    file = write()
    (tmp_path / "own.txt").write_text("www.example\nno name at all\n")
    assert any("own.txt:2" in line for line in refused(file))
