"""Started as root with `user`: root opens the sockets, everything runs as the user, and there is no way back."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import ENVIRONMENT, ROOT, Server, complete, default_settings, fetch, responds
from tests.processes import Processes, Running, children, command_line, free_port, wait_until

USER = pwd.getpwnam("nobody")
LOW_PORTS = range(900, 1000)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def is_reachable(place: Path) -> bool:
    """Whether everybody may pass through all directories above."""
    return all(parent.stat().st_mode & 0o1 for parent in (place, *place.parents) if parent.is_dir())


def find_interpreter() -> str:
    """Return an interpreter of this version that everybody may execute."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}"):
        if Path(candidate).exists() and all(map(is_reachable, (Path(candidate), Path(candidate).resolve(), ROOT))):
            return candidate
    pytest.skip(f"{USER.pw_name} may execute no {version}, or may not read {ROOT}")


LIBRARIES = [path for path in sys.path if path.endswith("site-packages")]
SEEN_BY_ALL = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([*LIBRARIES, str(ROOT)])}


def run(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run an interpreter that everybody may execute."""
    words = [find_interpreter(), *arguments]
    environment = {**os.environ, **SEEN_BY_ALL}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=60, **settings)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one `dnsfilter` command to its end."""
    return run("-m", "dnsfilter", *arguments)


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return a directory that everybody may read, but only root writes to."""
    made = Path(tempfile.mkdtemp(prefix="dnsfilter-privileges-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def low_port() -> int:
    """Return a free port that only root may open."""
    for port in LOW_PORTS:
        with socket.socket() as one, socket.socket(type=socket.SOCK_DGRAM) as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.skip("no low port is free")


class House:
    """A configuration with `user` in a directory, and what serves it."""

    def __init__(self, directory: Path, port: int, processes: Processes) -> None:
        self.directory, self.port, self._processes = directory, port, processes
        self.file = directory / "dnsfilter.yaml"
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Write the configuration."""
        wanted = {**default_settings("127.0.0.1:9"), "user": USER.pw_name, "workers": 2, "store": {}, **settings}
        self.settings = complete(wanted, self.directory)
        self.settings["listen"] |= {"dns": [f"127.0.0.1:{self.port}"]}
        self.settings["store"] = {"url": f"sqlite:///{self.directory}/var/dnsfilter.db"}
        self.settings["privacy"] = {"pseudonym_key": f"{self.directory}/var/pseudonym.key"}
        self.settings |= {key: value for key, value in settings.items() if key in ("store", "privacy")}
        self.file.write_text(json.dumps(self.settings))
        self.metrics_port = int(self.settings["listen"]["metrics"].rpartition(":")[2])

    def start(self) -> Running:
        """Start it."""
        words = [find_interpreter(), "-m", "dnsfilter", "serve", "-c", str(self.file)]
        return self._processes.start("serve", words, lambda it: "state in" in it.output, environment=SEEN_BY_ALL)

    def refuse(self) -> list[str]:
        """Start it although it cannot be; return what it says."""
        done = command("serve", "-c", str(self.file))
        assert done.returncode == 2
        return done.stderr.splitlines()


@pytest.fixture
def house(directory: Path, low_port: int, processes: Processes) -> House:
    return House(directory, low_port, processes)


def identity(pid: int) -> dict[str, list[str]]:
    """Return what the kernel knows of the rights of a process."""
    fields = (line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    wanted = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs")
    return {name: value.split() for name, value in fields if name in wanted}


def expected() -> dict[str, list[str]]:
    """Return the rights of a process that is the user and nothing else."""
    groups = map(str, sorted(os.getgrouplist(USER.pw_name, USER.pw_gid)))
    none = ["0" * 16]
    return {
        "Uid": [str(USER.pw_uid)] * 4,
        "Gid": [str(USER.pw_gid)] * 4,
        "Groups": list(groups),
        **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapAmb"), none),
        "NoNewPrivs": ["1"],
    }


def test_everything_runs_as_the_user(house: House) -> None:
    """On a port that only root may open supervisor, workers and manager are the user, restarted ones too."""
    running = house.start()
    assert responds(house.port)
    family = [running.pid, *children(running.pid)]
    assert [identity(pid) for pid in family] == [expected()] * len(family)
    for kind in ("process.worker", "process.manager"):
        victim = next(pid for pid in children(running.pid) if kind in command_line(pid))
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda victim=victim: victim not in children(running.pid), "it is gone")  # type: ignore[misc]
    wait_until(lambda: len(children(running.pid)) == len(family) - 1, "others are there")
    wait_until(lambda: fetch(house.metrics_port, "/readyz")[0] == 200, "they serve")
    assert {identity(pid)["Uid"][0] for pid in children(running.pid)} == {str(USER.pw_uid)}
    owners = {file.stat().st_uid for file in (house.directory / "var", *(house.directory / "var").iterdir())}
    assert owners == {USER.pw_uid}
    assert running.stop() == 0


def test_there_is_no_way_back(directory: Path) -> None:
    """Who has become the user cannot become root again, nor open a low port."""
    code = f"""
import os, socket
from dnsfilter.config import Configuration
from dnsfilter.process.privileges import become, find_account
become(find_account(Configuration(user={USER.pw_name!r})))
for attempt in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgid(0), lambda: os.setgroups([0]),
                lambda: socket.socket().bind(("127.0.0.1", 999))):
    try:
        attempt()
    except PermissionError:
        print("no")
"""
    done = run("-c", code, cwd=directory)
    assert (done.stdout.split(), done.stderr) == (["no"] * 5, "")


def test_takes_over_what_root_had_made(house: House) -> None:
    """A state that root has left behind is the user's from then on; what is linked there from elsewhere is not."""
    house.configure(user="", workers=1)
    assert house.start().stop() == 0
    secret = house.directory / "secret"
    secret.write_text("root's")
    (house.directory / "var" / "link").symlink_to(secret)
    (house.directory / "var" / "hard").hardlink_to(secret)
    house.configure(workers=1)
    running = house.start()
    wait_until(lambda: fetch(house.metrics_port, "/readyz")[0] == 200, "it serves")
    assert secret.stat().st_uid == 0
    assert (house.directory / "var" / "dnsfilter.db").stat().st_uid == USER.pw_uid
    assert running.stop() == 0


def test_what_the_user_may_not_read(house: House) -> None:
    """At the start it is an error with its key, for `check` too; at a reload everything stays as it is."""
    names = house.directory / "names.txt"
    names.write_text("listed.example\n")
    names.chmod(0o600)
    lists = {"blocklists": [{"name": "tiktok", "file": "names.txt"}]}
    house.configure(**lists, workers=1)
    (line,) = house.refuse()
    assert "blocklists[0].file: " in line
    assert "names.txt: cannot be read: Permission denied" in line
    assert "Permission denied" in command("check", "-c", str(house.file)).stderr
    names.chmod(0o644)
    running = house.start()
    names.write_text("other.example\n")
    names.chmod(0o600)
    running.send(signal.SIGHUP)
    wait_until(lambda: "generation 1 stays" in running.output, "it is refused")
    assert "names.txt: cannot be read: Permission denied" in running.output
    server = Server(running, house.file, house.settings, house.port)
    assert server.dig("listed.example").status == "NOERROR"
    assert running.stop() == 0


def test_a_key_that_only_root_may_read(house: House) -> None:
    """A certificate is read again at every reload, so the user must be able to read its key."""
    pem = house.directory / "pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=dns.example -days 2 -keyout FILE -out FILE"
    subprocess.run(words.replace("FILE", str(pem)).split(), check=True, capture_output=True)
    house.settings["listen"] |= {
        "tls": [f"127.0.0.1:{free_port()}"],
        "certificate": {"chain": str(pem), "key": str(pem)},
    }
    house.file.write_text(json.dumps(house.settings))
    (chain, _) = house.refuse()
    assert chain == f"listen.certificate.chain: {pem}: cannot be read: Permission denied"
    assert f"{pem}: cannot be read: Permission denied" in command("check", "-c", str(house.file)).stderr


def test_a_store_in_a_place_of_others(house: House) -> None:
    """A directory that the user cannot write to is named with its key."""
    house.configure(store={"url": f"sqlite:///{house.directory}/other.db"})
    (line,) = house.refuse()
    assert line == (
        f"store.url: {house.directory}/other.db: cannot be used by {USER.pw_name}: "
        f"the directory {house.directory} cannot be written"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"user": "no-such-user"}, "user: there is no account 'no-such-user'"),
        ({"user": "nobody", "group": "no-such-group"}, "group: there is no group 'no-such-group'"),
        ({"user": "", "group": "nogroup"}, "group: 'nogroup' needs `user` beside it"),
        ({"user": "root"}, "user: 'root' is who must not run it: name another account, or nobody"),
        ({"user": 4000000000}, "user: '4000000000' is no account of this machine, so `group` must be named, too"),
        ({"user": 5000000000}, "user: there is no account '5000000000'"),
    ],
)
def test_who_cannot_be(house: House, settings: dict[str, Any], message: str) -> None:
    """An account that is not there is one line, of `serve` and of `check`."""
    house.configure(**settings)
    assert house.refuse() == [message]
    (line,) = command("check", "-c", str(house.file)).stderr.splitlines()
    assert line.startswith(f"{house.file}:")
    assert line.endswith(message)


def test_numbers_will_do(house: House) -> None:
    """An account without a name is a number for user and group."""
    house.configure(user=64999, group=64998, workers=1)
    running = house.start()
    assert responds(house.port)
    found = identity(running.pid)
    assert (found["Uid"][0], found["Gid"][0], found["Groups"]) == ("64999", "64998", ["64998"])
    assert running.stop() == 0


def test_only_root_can(house: House) -> None:
    """Whoever is not root cannot become another user, and need not become who they are."""
    house.configure(user="daemon")
    settings: dict[str, Any] = {"user": USER.pw_uid, "group": USER.pw_gid, "extra_groups": []}
    done = run("-m", "dnsfilter", "check", "-c", str(house.file), **settings)
    assert "only root can become 'daemon': start it as root, or leave `user` out" in done.stderr
    house.configure()
    assert run("-m", "dnsfilter", "check", "-c", str(house.file), **settings).returncode == 0
