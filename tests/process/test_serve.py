"""`dnsfilter serve` from its first moment: what keeps it from starting, what it says, and how it ends early."""

import json
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dnsfilter.config import Configuration
from dnsfilter.feeds.snapshot import read_snapshot
from dnsfilter.process import proxy
from dnsfilter.process import serve as twin
from dnsfilter.settings.operation import Proxy
from tests.e2e.server import ENVIRONMENT, complete, fetch
from tests.fakes.lists import ListServer
from tests.fakes.resolving import addresses_in, make_query
from tests.processes import Processes, Running, children, wait_until

Start = Callable[..., Running]


class House:
    """A directory, its configuration, and the processes that serve it."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        self.directory = directory
        self._processes = processes
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Write the configuration."""
        (self.directory / "own.txt").write_text("listed.example\n")
        world = {
            "upstreams": [{"servers": ["127.0.0.1:9"]}],
            "blocklists": [{"name": "own", "file": "own.txt"}],
            "policies": [{"name": "own", "blocklists": ["own"], "phases": {"enforce": "2023-03-15"}}],
            **settings,
        }
        self.settings = complete(world, self.directory)
        self.file = self.directory / "dnsfilter.yaml"
        self.file.write_text(json.dumps(self.settings))
        self.state = Path(self.settings["state"])
        self.place: str = self.settings["listen"]["dns"][0]

    def start(self, ready: Callable[[Running], object]) -> Running:
        """Start `dnsfilter serve`; return once it is ready."""
        command = [sys.executable, "-m", "dnsfilter", "serve", "-c", str(self.file)]
        return self._processes.start("serve", command, ready, environment=ENVIRONMENT)

    def run(self) -> Running:
        """Start `dnsfilter serve` and return once it says that it listens."""
        return self.start(lambda running: "state in" in running.output)

    def refuse(self) -> list[str]:
        """Start it although it cannot be; return what it says before it ends with status 2."""
        running = self.start(lambda running: not running.is_alive)
        assert running.process.wait(5) == 2
        return running.output.splitlines()

    def addresses(self, name: str) -> list[str]:
        """Return the addresses that a name has."""
        host, _, port = self.place.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(3)
            client.connect((host, int(port)))
            client.send(make_query(name))
            try:
                return addresses_in(client.recv(4096))
            except OSError:
                return []


@pytest.fixture
def house(tmp_path: Path, processes: Processes) -> House:
    return House(tmp_path, processes)


def test_says_what_listens(house: House) -> None:
    """One line per listener, once it answers, and nothing else."""
    running = house.run()
    assert house.addresses("listed.example") == ["127.0.0.1"]
    assert running.output.splitlines() == [
        f"dnsfilter: DNS on {house.settings['listen']['dns'][0]}, UDP and TCP",
        f"dnsfilter: DNS on {house.settings['listen']['dns'][1]}, UDP and TCP",
        f"dnsfilter: metrics on http://{house.settings['listen']['metrics']}/metrics",
        f"dnsfilter: state in {house.state}",
    ]
    assert running.stop() == 0


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@pytest.mark.parametrize("key", ["listen.dns", "listen.metrics"])
def test_a_taken_port(house: House, kind: socket.SocketKind, key: str) -> None:
    """A port that somebody else has is one line with key and endpoint."""
    if (key, kind) == ("listen.metrics", socket.SOCK_DGRAM):
        kind = socket.SOCK_STREAM
    place = house.place if key == "listen.dns" else house.settings["listen"]["metrics"]
    host, _, port = place.rpartition(":")
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind((host, int(port)))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        shown = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        assert house.refuse() == [f"{key}: {place} ({shown}): Address already in use"]


def test_a_second_instance(house: House) -> None:
    """Another one on the same state directory is one line, and the running one notices nothing of it."""
    running = house.run()
    before = (house.state / "snapshot").stat().st_mtime_ns
    ports = house.settings["listen"]
    mine, house.file = house.file, house.directory / "other.yaml"
    house.settings["listen"] = complete({}, house.directory)["listen"]
    house.file.write_text(json.dumps({**house.settings, "blocklists": [], "policies": []}))
    assert house.refuse() == [f"state: {house.state}: another dnsfilter runs with this state directory"]
    assert read_snapshot(house.state).generation == 1
    assert (house.state / "snapshot").stat().st_mtime_ns == before
    assert house.addresses("listed.example") == ["127.0.0.1"]
    house.file, house.settings["listen"] = mine, ports
    assert running.stop() == 0
    assert house.run().stop() == 0


def test_a_state_directory_that_cannot_be_made(house: House) -> None:
    """The line names key, place and reason."""
    (house.directory / "file").touch()
    house.configure(state="file/var")
    (line,) = house.refuse()
    assert line == f"state: {house.directory}/file/var: cannot be created: Not a directory"


def test_a_state_directory_that_cannot_be_written(house: House) -> None:
    """The line names key, place and reason, also where only the lock cannot be had."""
    (house.state / "lock").mkdir(parents=True)
    (line,) = house.refuse()
    assert line == f"state: {house.state} cannot be written: Is a directory"


def test_broken_lists(house: House) -> None:
    """What the publisher refuses is what is said, and nothing is started."""
    house.configure(blocklists=[{"name": "own", "file": "gone.txt"}])
    (line,) = house.refuse()
    assert "blocklists[0].file: gone.txt: there is no such file" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay", [0.0, 0.3, 0.7, 1.2])
def test_ends_while_starting(house: House, number: signal.Signals, delay: float) -> None:
    """Whenever the signal comes, it ends soon, with nothing left running and no traceback."""
    running = house.start(lambda running: children(running.pid))
    time.sleep(delay)
    family = children(running.pid)
    running.send(number)
    assert running.process.wait(10) in {0, -number}
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family), "all are gone")
    assert "Traceback" not in running.output


def test_a_reload_while_starting_is_no_end(house: House) -> None:
    """SIGHUP before anything listens does not end it."""
    running = house.start(lambda running: children(running.pid))
    running.send(signal.SIGHUP)
    wait_until(lambda: "state in" in running.output, "it listens")
    assert running.stop() == 0


def test_a_subscription_takes_effect_once_downloaded(house: House) -> None:
    """Without its list the resolver starts, with one warning; the list is in force soon, and again when it changes."""
    with ListServer() as lists:
        subscription = {"name": "sub", "url": lists.url("sub"), "format": "domains", "refresh": "1s"}
        policy = {"name": "own", "blocklists": ["sub"], "phases": {"enforce": "2023-03-15"}}
        house.configure(blocklists=[subscription], policies=[policy])
        running = house.run()
        (warning,) = (line for line in running.output.splitlines() if line.startswith("warning: "))
        assert warning.endswith("blocklists[0].url: sub has not been downloaded yet and is empty until then")
        assert house.addresses("one.example") == []
        lists.pages["sub"] = "one.example\n"
        wait_until(lambda: house.addresses("one.example") == ["127.0.0.1"], "the list is in force")
        lists.pages["sub"] = "two.example\n"
        wait_until(lambda: house.addresses("two.example") == ["127.0.0.1"], "the next one is in force")
        assert house.addresses("one.example") == []
        metrics = fetch(int(house.settings["listen"]["metrics"].rpartition(":")[2]))[1]
        assert 'dnsfilter_blocklist_entries{blocklist="sub"} 1.0' in metrics
        assert running.stop() == 0
    again = house.run()
    assert house.addresses("two.example") == ["127.0.0.1"]
    assert again.stop() == 0


def test_a_proxy_that_cannot_run_is_an_error(house: House) -> None:
    """What the configuration asks for explicitly is not left out."""
    house.configure(proxy={"listen": ["bogus@127.0.0.1:8080"]})
    (line,) = house.refuse()
    assert line.startswith("proxy.listen[0]: 'bogus@127.0.0.1:8080' is not a mitmproxy mode")


def test_the_default_goes_without_the_proxy(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where mitmproxy is missing the embedded default runs without it and says so in one line; else it stays."""
    configuration = Configuration(proxy=Proxy(listen=("regular@127.0.0.1:8080",)))
    assert twin._without_impossible_proxy(configuration).proxy.listen == ("regular@127.0.0.1:8080",)
    assert not caplog.messages
    monkeypatch.setattr(proxy, "find_spec", lambda _: None)
    assert twin._without_impossible_proxy(configuration).proxy.listen == ()
    assert caplog.messages == [
        "starting without the proxy: mitmproxy is not installed: pip install 'dnsfilter[proxy]'",
    ]
