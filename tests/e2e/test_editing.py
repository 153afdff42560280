"""Editing a list or the configuration takes effect by itself, all or nothing, however an editor writes."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.server import SINKHOLE_IPV4, Server
from tests.processes import wait_until

Write = Callable[[Path, str], object]


def rename(path: Path, text: str) -> None:
    """Write as vim and configuration management do: a new file takes the name of the old one."""
    fresh = path.with_name(f".{path.name}.swp")
    fresh.write_text(text)
    fresh.replace(path)


def set_aside(path: Path, text: str) -> None:
    """Write as emacs does: the old file moves away, for a moment there is none."""
    path.rename(path.with_name(f"{path.name}~"))
    time.sleep(0.1)
    path.write_text(text)


def slowly(path: Path, text: str) -> None:
    """Write as a copy over a slow line does: half a list is a list, too."""
    with path.open("w") as file:
        for line in text.splitlines(keepends=True):
            file.write(line)
            file.flush()
            time.sleep(0.1)


@pytest.mark.parametrize("write", [Path.write_text, rename, set_aside, slowly], ids=lambda write: write.__name__)
def test_takes_effect_by_itself(start: Callable[..., Server], tmp_path: Path, write: Write) -> None:
    """A changed list blocks within moments; a broken one and a broken configuration leave the last good state."""
    names = tmp_path / "own.txt"
    names.write_text("one.blocked.example\n")
    policies = [{"name": "own", "blocklists": ["own"], "phases": {"enforce": "2023-03-15"}}]
    server = start(blocklists=[{"name": "own", "file": str(names)}], policies=policies)

    def is_blocked(name: str) -> bool:
        return server.dig(name, "A").rdata("A") == [SINKHOLE_IPV4]

    assert is_blocked("one.blocked.example")
    write(names, "one.blocked.example\ntwo.blocked.example\nthree.blocked.example\n")
    wait_until(lambda: is_blocked("three.blocked.example"), "the new entry is blocked")
    wait_until(lambda: server.metric("dnsfilter_snapshot_generation") == 2, "one reload, and no more")
    write(names, "<html>\n<body>an error page</body>\n")
    wait_until(lambda: server.metric("dnsfilter_last_reload_successful") == 0, "the page is refused")
    assert is_blocked("three.blocked.example")
    assert f"{names}:1: refused: this is HTML" in server.command("check").stderr
    assert f"{names}:1: refused: this is HTML" in server.running.output
    write(names, "one.blocked.example\n")
    wait_until(lambda: not is_blocked("three.blocked.example"), "the entry is gone again")
    write(server.configuration, json.dumps({**server.settings, "sinkhole": {"ipv4": "192.0.2.99"}}))
    wait_until(lambda: server.dig("one.blocked.example", "A").rdata("A") == ["192.0.2.99"], "the other address")
    write(server.configuration, "sinkhole: {ipv4: nowhere}\n")
    wait_until(lambda: server.metric("dnsfilter_last_reload_successful") == 0, "the configuration is refused")
    assert server.dig("one.blocked.example", "A").rdata("A") == ["192.0.2.99"]
