"""From configuration and lists to the snapshot in force."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dnsfilter.errors import InputError
from dnsfilter.feeds.snapshot import FILE_NAME, read_snapshot
from dnsfilter.localdata import FEW, LocalData
from dnsfilter.model import CANARIES, NEVER_BLOCK, SPECIAL_USE, Client, DnsAction, Role
from dnsfilter.policy.engine import Engine
from dnsfilter.process.publisher import compile_all, find_missing, publish, tell_refused
from dnsfilter.wire.codes import Type

CATALOGUE = "app: own\nentries:\n  - {suffix: www.example, role: web, grade: weak}\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes configuration and list and returns the configuration's path."""

    def write_both(catalogue: str = CATALOGUE, **settings: Any) -> Path:
        (tmp_path / "own.yaml").write_text(catalogue)
        file = tmp_path / "dnsfilter.yaml"
        whole = {
            "upstreams": [{"servers": ["192.0.2.53"]}],
            "blocklists": [{"name": "own", "file": "own.yaml"}],
            **settings,
        }
        file.write_text(json.dumps(whole, indent=1))
        return file

    return write_both


def refused(path: Path) -> list[str]:
    """Return what is wrong, one line each."""
    with pytest.raises(InputError) as refusal:
        compile_all(path)
    return str(refusal.value).splitlines()


def line_of(path: Path, text: str) -> int:
    """Return the number of the line that holds a text."""
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_compiles_what_is_configured(write: Write) -> None:
    """The configured lists come with what is always there: names never to block, and canaries unless switched off."""
    configuration, lists, problems = compile_all(write())
    assert [compiled.name for compiled in lists] == [NEVER_BLOCK, SPECIAL_USE, CANARIES, "own"]
    assert not problems
    assert all(rule.passthru for rule in lists[0].rules)
    assert {rule.role for rule in lists[2].rules} == {Role.CANARY}
    assert configuration.state.endswith("/var")
    assert [compiled.name for compiled in compile_all(write(canaries=False))[1]] == [NEVER_BLOCK, SPECIAL_USE, "own"]


def test_every_problem_at_once(write: Write, tmp_path: Path) -> None:
    """Mistakes in two lists and in the records are said together, each with its file and line."""
    path = write(
        CATALOGUE.replace("weak", "wrong"),
        blocklists=[{"name": "own", "file": "own.yaml"}, {"name": "gone", "file": "gone.yaml"}],
        records=["a.example. 300 A 192.0.2.1", "b.example. 300 A nonsense"],
    )
    lines = refused(path)
    assert any(line.startswith(f"{tmp_path}/own.yaml:3: ") and "wrong" in line for line in lines)
    gone = line_of(path, '"file": "gone.yaml"')
    assert any(line.startswith(f"{path}:{gone}: blocklists[1].file: gone.yaml: ") for line in lines)
    record = line_of(path, "nonsense")
    assert any(line.startswith(f"{path}:{record}: records[1]: ") for line in lines)
    assert len(lines) == 3


def test_a_subscription_without_a_copy_is_empty(write: Write) -> None:
    """A list that was never downloaded stops nothing; it is empty, and said with file, line and key."""
    subscription = {"name": "sub", "url": "https://user:secret@lists.example/a?token=secret", "format": "domains"}
    path = write(blocklists=[subscription])
    configuration, lists, problems = compile_all(path)
    assert [(compiled.name, compiled.entries) for compiled in lists][-1] == ("sub", 0)
    assert not problems
    (missing,) = find_missing(configuration, path)
    line = line_of(path, '"url"')
    assert str(missing) == f"{path}:{line}: blocklists[0].url: sub has not been downloaded yet and is empty until then"
    assert list(map(str, publish(path)[1])) == [str(missing)]


def test_a_subscription_is_compiled_from_its_copy(write: Write, tmp_path: Path) -> None:
    """What was downloaded is what is in force; a copy that is no list is refused, naming the copy."""
    copy = tmp_path / "var" / "lists" / "sub.list"
    copy.parent.mkdir(parents=True)
    copy.write_text("one.example\ntwo.example\n")
    path = write(blocklists=[{"name": "sub", "url": "https://lists.example/a", "format": "domains"}])
    configuration, lists, problems = compile_all(path)
    assert lists[-1].entries == 2
    assert lists[-1].changed == copy.stat().st_mtime
    assert not problems
    assert not find_missing(configuration, path)
    copy.write_bytes(b"one.example\n\xff\n")
    assert refused(path)[0].startswith(f"{copy}:2: is not UTF-8")


def test_generations_count_up(write: Write) -> None:
    """Every publication is the next generation, also beside a damaged one."""
    path = write()
    snapshots = [publish(path)[0] for _ in range(3)]
    assert [snapshot.generation for snapshot in snapshots] == [1, 2, 3]
    state = Path(snapshots[0].configuration.state)
    assert read_snapshot(state).generation == 3
    assert state.stat().st_mode & 0o777 == 0o700
    (state / FILE_NAME).write_bytes(b"nonsense")
    assert publish(path)[0].generation == 1


def test_what_is_refused_changes_nothing(write: Write) -> None:
    """A broken list leaves the generation that is in force."""
    state = Path(publish(write())[0].configuration.state)
    with pytest.raises(InputError):
        publish(write(CATALOGUE.replace("weak", "wrong")))
    assert read_snapshot(state).generation == 1


def test_a_state_directory_that_cannot_be(write: Write, tmp_path: Path) -> None:
    """Where the state directory cannot be made the error names it."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"state: .*/file/var: cannot be created: Not a directory"):
        publish(write(state="file/var"))


@pytest.mark.parametrize(
    ("catalogue", "status", "said"), [(CATALOGUE, 0, ""), (CATALOGUE.replace("weak", "wrong"), 2, "own.yaml:3")]
)
def test_as_a_process(write: Write, catalogue: str, status: int, said: str) -> None:
    """The process ends with 0 when something new is in force, with 2, lines and lists otherwise, and no traceback."""
    command = [sys.executable, "-m", "dnsfilter.process.publisher", str(write(catalogue))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == status
    assert said in done.stderr
    assert bool(done.stderr) is bool(said)
    assert "Traceback" not in done.stderr
    assert done.stdout == (f"own\t{done.stderr}" if said else "")


def test_tells_which_lists_are_refused(write: Write, tmp_path: Path) -> None:
    """Each list with the first reason and how many more there are; a missing file with the key that names it."""
    (tmp_path / "page.txt").write_text("<html>\n")
    more = [{"name": "page", "file": "page.txt"}, {"name": "gone", "file": "gone.txt"}]
    own = CATALOGUE.replace("weak", "wrong") + "  - {suffix: b.example, role: nonsense, grade: weak}\n"
    path = write(own, blocklists=[{"name": "own", "file": "own.yaml"}, *more], hosts=["no-hosts"])
    with pytest.raises(InputError) as caught:
        publish(path)
    told = tell_refused(caught.value.problems)
    assert list(told) == ["own", "page", "gone"]
    assert "own.yaml:3: " in told["own"]
    assert told["own"].endswith(" (and 1 more)")
    assert "page.txt:1: refused: this is HTML" in told["page"]
    assert f"{path}" in told["gone"]
    assert "blocklists[2].file: gone.txt: there is no such file" in told["gone"]


def test_hosts_files_become_local_data(write: Write, tmp_path: Path) -> None:
    """Beside the configuration; names, and the way back, which special-use names then leave free."""
    (tmp_path / "hosts").write_text("10.0.0.5 printer.corp.example printer\n")
    path = write(hosts=["hosts"], records=["a.example. 300 A 10.0.0.6", "6.0.0.10.in-addr.arpa. 60 IN PTR b.example."])
    configuration, lists, _ = compile_all(path)
    assert configuration.records[2:] == (
        "printer.corp.example. 60 IN A 10.0.0.5",
        "printer. 60 IN A 10.0.0.5",
        "5.0.0.10.in-addr.arpa. 300 IN PTR printer.corp.example.",
    )
    view = Engine(configuration, lists).view(Client(), 0.0)
    names = ["5.0.0.10.in-addr.arpa", "6.0.0.10.in-addr.arpa", "7.0.0.10.in-addr.arpa"]
    assert [view.decide(name).dns.is_blocking for name in names] == [False, False, True]


def test_much_local_data_is_ready_made(write: Write, tmp_path: Path) -> None:
    """A long hosts file is no objects in whoever answers but a table, whose names are free of special use."""
    lines = [f"10.0.{number // 250}.{number % 250} host{number}.corp.example\n" for number in range(FEW)]
    (tmp_path / "hosts").write_text("".join(lines))
    snapshot, _ = publish(write(hosts=["hosts"], records=["a.example. 300 A 10.1.0.6"], state=str(tmp_path / "var")))
    assert read_snapshot(tmp_path / "var") == snapshot
    assert snapshot.configuration.records == ("a.example. 300 A 10.1.0.6",)
    data = LocalData(snapshot.configuration.records, snapshot.configuration.listen, snapshot.local)
    view = Engine(snapshot.configuration, snapshot.lists, snapshot.local).view(Client(), 0.0)
    for name, qtype in (("host7.corp.example", Type.A), ("7.0.0.10.in-addr.arpa", Type.PTR), ("a.example", Type.A)):
        owner = data.locate(name)
        assert owner
        assert data.find(owner, qtype).answers == 1
        assert not view.decide(name).dns.is_blocking
    assert not view.decide("x.7.0.0.10.in-addr.arpa").dns.is_blocking
    assert view.decide("7.0.9.10.in-addr.arpa").dns is DnsAction.NXDOMAIN


def test_wrong_hosts_files_are_named(write: Write, tmp_path: Path) -> None:
    """A wrong line by file and line, a missing file by the key that names it, together with wrong records."""
    (tmp_path / "hosts").write_text("10.0.0.5 a\nnonsense b\n")
    (tmp_path / "latin").write_bytes(b"10.0.0.5 a\n10.0.0.6 \xe9\n")
    path = write(hosts=["hosts", "gone", "latin"], records=["b.example. 300 A nonsense"])
    found = refused(path)
    assert len(found) == 4
    assert f"{tmp_path / 'hosts'}:2: 'nonsense' is not an address; a hosts file has one before the names" in found
    assert f"{tmp_path / 'latin'}:2: is not UTF-8 text: invalid continuation byte 0xe9" in found
    place = f"{path}:{line_of(path, 'gone')}: hosts[1]"
    assert f"{place}: {tmp_path / 'gone'}: cannot be read: No such file or directory" in found


def test_secrets_of_cookies_come_with_the_snapshot(write: Write, tmp_path: Path) -> None:
    """The installation's own secret stays from generation to generation; files in the configuration take its place."""
    own = [publish(write())[0].secrets for _ in range(2)]
    assert own[0] == own[1] == read_snapshot(tmp_path / "var").secrets
    (tmp_path / "one").write_text("00" * 16)
    publish(write(cookies={"secrets": ["one"]}))
    assert read_snapshot(tmp_path / "var").secrets == (bytes(16),)


def test_wrong_secrets_are_named(write: Write, tmp_path: Path) -> None:
    """Each file without a secret is named at its line, and nothing it holds is shown."""
    (tmp_path / "short").write_text("c0ffee")
    path = write(cookies={"secrets": ["short", "absent"]})
    assert refused(path) == [
        f"{path}:{line_of(path, name)}: cookies.secrets[{index}]: {tmp_path / name}: {reason}"
        for index, (name, reason) in enumerate(
            [("short", "does not hold 32 hexadecimal digits"), ("absent", "cannot be read: No such file or directory")]
        )
    ]
