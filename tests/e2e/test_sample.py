"""The blast radius on a running service: what many ask for is counted, and a new list is held against it."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.e2e.server import Server
from tests.processes import wait_until

SAMPLE = {"enabled": True, "clients": 5}


def ask(server: Server, name: str, clients: int) -> None:
    """Let so many clients ask for a name; their cookies keep them out of the memo, which knows nobody."""
    for number in range(1, clients + 1):
        assert server.dig("-b", f"127.0.0.{number}", name).rdata("A")


def test_what_a_list_would_touch(start: Callable[..., Server], tmp_path: Path) -> None:
    """What five clients ask for is in the sample, what four ask for only in its total, and nowhere in the store."""
    server = start(sample=SAMPLE)
    ask(server, "www.example", 8)
    ask(server, "hosted.example", 4)
    wait_until(lambda: server.command("lists", "sample").stdout.splitlines()[1:2] == [",12"], "all is counted", 60)
    assert server.command("lists", "sample").stdout == "name,count\n,12\nwww.example,8\n"

    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("other.example\n")
    new.write_text("other.example\nwww.example\nhosted.example\n")
    lines = server.command("lists", "diff", str(old), str(new)).stdout.splitlines()
    assert lines[:4] == [
        "2 newly blocked, 0 freed",
        "of 12 sampled queries on 1 day (66.67% of them for names in the sample):",
        "  newly blocked 66.67% (8 queries, 1 names)",
        "    + 66.67% www.example",
    ]
    found = [
        json.loads(line) for line in server.command("lists", "diff", str(old), str(new), "--json").stdout.splitlines()
    ]
    assert {"touched": "blocked", "name": "www.example", "queries": 8, "share": 8 / 12} in found
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*.db*"))
    assert b"www.example" in kept
    assert b"hosted" not in kept


def test_nothing_is_counted_by_default(start: Callable[..., Server], tmp_path: Path) -> None:
    """No names are kept unless that was turned on."""
    server = start()
    ask(server, "www.example", 8)
    wait_until(lambda: server.metric("dnsfilter_responses_total") >= 8, "all is reported")
    done = server.command("lists", "sample")
    assert (done.returncode, done.stderr) == (1, "no sample is kept; sample.enabled is off\n")
    assert not [path for path in tmp_path.rglob("*.db*") if b"www.example" in path.read_bytes()]
