"""Reload, orderly end, and what survives the death of a part."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.e2e.server import SINKHOLE_IPV4, Server, responds
from tests.processes import children, wait_until

OWN_LIST = {"name": "own", "file": "own.txt", "format": "domains"}
OWN_POLICY = {"name": "own", "blocklists": ["own"], "phases": {"enforce": "2023-03-15"}}


def with_own_list(start: Callable[..., Server], tmp_path: Path, **settings: object) -> Server:
    """Start a server whose only list is a file that the test rewrites."""
    (tmp_path / "own.txt").write_text("www.example\n")
    return start(blocklists=[OWN_LIST], policies=[OWN_POLICY], **settings)


def is_sinkholed(server: Server, name: str) -> bool:
    """Whether a name gets the sinkhole's address."""
    return server.dig(name).rdata("A") == [SINKHOLE_IPV4]


def reload_and_wait(server: Server) -> None:
    """Ask for a reload and wait until the metrics tell of one."""
    name = "dnsfilter_last_reload_timestamp_seconds"
    before = server.metric(name), server.metric("dnsfilter_last_reload_successful")
    server.running.send(signal.SIGHUP)
    wait_until(
        lambda: (server.metric(name), server.metric("dnsfilter_last_reload_successful")) != before, "reload reported"
    )


def test_reload_takes_effect(start: Callable[..., Server], tmp_path: Path) -> None:
    """A list changed on disk is in force after SIGHUP, and no query is lost meanwhile."""
    server = with_own_list(start, tmp_path)
    assert is_sinkholed(server, "www.example")
    assert not is_sinkholed(server, "late.example")
    (tmp_path / "own.txt").write_text("late.example\n")
    server.running.send(signal.SIGHUP)
    wait_until(lambda: is_sinkholed(server, "late.example"), "the new list is in force")
    assert not is_sinkholed(server, "www.example")
    wait_until(lambda: server.metric("dnsfilter_last_reload_successful") == 1, "the reload is reported")


def test_broken_list_keeps_the_last_good_one(start: Callable[..., Server], tmp_path: Path) -> None:
    """A list that does not parse changes nothing but a metric and the log, and a repaired one is taken."""
    (tmp_path / "own.yaml").write_text("app: own\nentries:\n  - {suffix: www.example, role: web, grade: weak}\n")
    server = start(blocklists=[{"name": "own", "file": "own.yaml"}], policies=[OWN_POLICY])
    assert is_sinkholed(server, "www.example")
    (tmp_path / "own.yaml").write_text("app: own\nentries:\n  - {suffix: late.example, role: nonsense, grade: weak}\n")
    reload_and_wait(server)
    assert server.metric("dnsfilter_last_reload_successful") == 0
    assert is_sinkholed(server, "www.example")
    assert "own.yaml:3" in server.running.output
    (tmp_path / "own.yaml").write_text("app: own\nentries:\n  - {suffix: late.example, role: web, grade: weak}\n")
    server.running.send(signal.SIGHUP)
    wait_until(lambda: is_sinkholed(server, "late.example"), "the repaired list is in force")
    wait_until(lambda: server.metric("dnsfilter_last_reload_successful") == 1, "the reload is reported")


def test_broken_configuration_keeps_the_last_good_one(start: Callable[..., Server], tmp_path: Path) -> None:
    """A configuration that does not parse leaves everything as it was."""
    server = with_own_list(start, tmp_path)
    server.rewrite("listen: [\n")
    wait_until(lambda: server.metric("dnsfilter_last_reload_successful") == 0, "failure reported")
    assert is_sinkholed(server, "www.example")
    server.rewrite({**server.settings, "sinkhole": {"ipv4": "192.0.2.77", "ipv6": "2001:db8::77"}})
    wait_until(lambda: server.dig("www.example").rdata("A") == ["192.0.2.77"], "the new sinkhole address is given out")
    wait_until(lambda: server.metric("dnsfilter_last_reload_successful") == 1, "the reload is reported")


def test_sigterm_ends_everything(start: Callable[..., Server]) -> None:
    """SIGTERM ends all processes, cleanly and with exit status 0."""
    server = start(workers=2)
    family = children(server.running.pid)
    assert len(family) >= 3
    assert server.running.stop() == 0
    assert not responds(server.port)
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []
    assert "Traceback" not in server.running.output


def test_sigint_ends_everything(start: Callable[..., Server]) -> None:
    """Ctrl-C reaches every process of the terminal and still ends without a traceback."""
    server = start(workers=2)
    os.killpg(server.running.pid, signal.SIGINT)
    wait_until(lambda: not server.running.is_alive, "ended")
    assert server.running.process.returncode in {0, 130, -signal.SIGINT}
    assert "Traceback" not in server.running.output


def test_workers_share_the_port(start: Callable[..., Server]) -> None:
    """Two workers answer on one port and both count."""
    server = start(workers=2)
    for _ in range(20):
        assert is_sinkholed(server, "www.tiktok.com")
    wait_until(lambda: server.metric("dnsfilter_workers_alive") == 2, "both are seen alive")
    wait_until(lambda: server.metric("dnsfilter_responses_total", outcome="blocked") == 20, "all are counted")


def test_worker_is_restarted(start: Callable[..., Server]) -> None:
    """A killed worker comes back while the others answer."""
    server = start(workers=2)
    workers = server.processes("worker")
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    wait_until(lambda: len(server.processes("worker")) == 2 and workers[0] not in server.processes("worker"), "back")
    wait_until(lambda: all(is_sinkholed(server, "www.tiktok.com") for _ in range(10)), "both answer")


def test_only_worker_is_restarted(start: Callable[..., Server]) -> None:
    """The only worker, killed, is back within seconds."""
    server = start()
    os.kill(server.processes("worker")[0], signal.SIGKILL)
    wait_until(lambda: responds(server.port), "answers again", 10)
    assert is_sinkholed(server, "www.tiktok.com")


def test_resolves_without_the_manager(start: Callable[..., Server]) -> None:
    """With the manager dead DNS goes on, and a new manager takes over."""
    server = start()
    (manager,) = server.processes("manager")
    os.kill(manager, signal.SIGKILL)
    for _ in range(5):
        assert is_sinkholed(server, "www.tiktok.com")
        assert server.dig("www.example").status == "NOERROR"
    wait_until(lambda: server.processes("manager") not in ([], [manager]), "a new manager")
    wait_until(lambda: server.metric("dnsfilter_workers_alive") == 1, "metrics are back")
    assert is_sinkholed(server, "www.tiktok.com")
    wait_until(lambda: server.metric("dnsfilter_responses_total", outcome="blocked") > 0, "it hears the workers")


def test_sightings_become_devices(start: Callable[..., Server]) -> None:
    """A device that asked for a listed name shows in `devices --json`, under a pseudonym, without its address."""
    server = start()
    for name in ("api16-normal-useast5.tiktokv.us", "www.tiktok.com"):
        server.dig(name, "-b", "127.0.0.7")

    def listed() -> list[str]:
        return server.command("devices", "--json").stdout.splitlines()

    wait_until(listed, "the device is stored")
    (line,) = listed()
    device = json.loads(line)
    assert device["standing"] in {"suspected", "confirmed", "unattributable"}
    assert {"id", "group", "since", "first_seen", "last_seen", "sightings", "grades", "explanation"} <= device.keys()
    assert "127.0.0.7" not in line
