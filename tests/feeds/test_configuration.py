"""The configuration as its place and this machine complete it."""

import json
from pathlib import Path

import pytest

from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds import configuration as twin
from dnsfilter.feeds.configuration import (
    find_configuration,
    find_directory,
    load_configuration,
    locate,
    read_system_servers,
)
from dnsfilter.values import Endpoint

UPSTREAM = "upstreams: [{servers: [192.0.2.53]}]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dnsfilter.yaml"


def refused(file: Path) -> str:
    """Return what is wrong with a configuration."""
    with pytest.raises(InputError) as refusal:
        load_configuration(file)
    return str(refusal.value)


def test_looks_where_it_should(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file named comes first, then the one here, then the machine's, then the embedded default."""
    system = tmp_path / "etc.yaml"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(twin, "SEARCH_PATH", (Path("dnsfilter.yaml"), system))
    assert find_configuration(None) is None
    system.touch()
    assert find_configuration(None) == system
    file.touch()
    assert find_configuration(None) == Path("dnsfilter.yaml")
    assert find_configuration(Path("other.yaml")) == Path("other.yaml")


def test_paths_are_relative_to_the_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths start at the configuration, wherever it is read from; absolute ones stay."""
    monkeypatch.chdir("/")
    file.write_text(
        UPSTREAM + "state: here\ninventory: devices.csv\nleases: [{file: /var/leases}, {file: leases}]\n"
        "store: {url: 'sqlite:///s.db'}\nprivacy: {pseudonym_key: key}\n"
        "listen: {certificate: {chain: c.pem, key: /k.pem}}\n"
    )
    loaded = load_configuration(file)
    certificate = loaded.listen.certificate
    assert certificate
    assert (loaded.state, loaded.inventory) == (f"{tmp_path}/here", f"{tmp_path}/devices.csv")
    assert [lease.file for lease in loaded.leases] == ["/var/leases", f"{tmp_path}/leases"]
    assert loaded.store.url == f"sqlite:///{tmp_path}/s.db"
    assert loaded.privacy.pseudonym_key == f"{tmp_path}/key"
    assert (certificate.chain, certificate.key) == (f"{tmp_path}/c.pem", "/k.pem")


def test_what_is_not_given_is_below_the_state_directory(file: Path, tmp_path: Path) -> None:
    """Store and key go with the state where the configuration does not say."""
    file.write_text(UPSTREAM + "state: /s\n")
    loaded = load_configuration(file)
    assert loaded.store.url == "sqlite:////s/dnsfilter.db"
    assert loaded.privacy.pseudonym_key == "/s/pseudonym.key"
    file.write_text(UPSTREAM)
    assert load_configuration(file).state == f"{tmp_path}/var"


@pytest.mark.parametrize("url", ["postgresql://user@host/db", "sqlite:///:memory:", "sqlite:////abs/s.db"])
def test_other_stores_stay_as_they_are(file: Path, url: str) -> None:
    """A URL that is no relative SQLite file is not touched."""
    file.write_text(UPSTREAM + f"store: {{url: '{url}'}}\n")
    assert load_configuration(file).store.url == url


def test_the_embedded_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any file there is a configuration that blocks TikTok, with its state where such things are kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(twin, "SEARCH_PATH", ())
    monkeypatch.setattr(twin, "RESOLV_CONF", tmp_path / "resolv.conf")
    (tmp_path / "resolv.conf").write_text("nameserver 192.0.2.53\n")
    monkeypatch.setattr(twin.read_system_servers, "__defaults__", (tmp_path / "resolv.conf",))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    loaded = load_configuration(None)
    assert loaded.blocklists[0].name == "tiktok"
    assert Path(loaded.state).is_relative_to(tmp_path / "state" / "dnsfilter")
    assert [server.text for server in loaded.upstreams[0].servers] == ["192.0.2.53"]
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load_configuration(None).state.startswith("/home/somebody/.local/state/dnsfilter")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe", "is not UTF-8 text: invalid start byte"),
        (b"nonsense: 1\n", ":1: nonsense: unknown key"),
        (b"- a\n", ":1: must be a mapping of keys"),
    ],
)
def test_what_cannot_be_read(file: Path, content: bytes, told: str) -> None:
    """The error names the file and what is wrong."""
    file.write_bytes(content)
    assert refused(file).startswith(str(file))
    assert told in refused(file)


def test_a_file_that_is_not_there(file: Path) -> None:
    """The error names the file and the system's reason."""
    assert refused(file) == f"{file}: cannot be read: No such file or directory"
    file.mkdir()
    assert refused(file) == f"{file}: cannot be read: Is a directory"


URL = "https://dns.example/dns-query"
PLAIN = {"servers": ["192.0.2.53"], "domains": ["dns.example"]}


@pytest.mark.parametrize(
    ("upstreams", "is_fine"),
    [
        ([{"servers": [URL]}], False),
        ([{"servers": [URL, "tls://192.0.2.5#a.example"]}], False),
        ([{"servers": [URL]}, {**PLAIN, "domains": ["other.example"]}], False),
        ([{"servers": [URL, "192.0.2.53"]}, {"servers": ["tls://192.0.2.5"], "domains": ["example"]}], False),
        ([{"servers": [URL]}, PLAIN], True),
        ([{"servers": [URL]}, {**PLAIN, "domains": ["a.example", "example"]}], True),
        ([{"servers": [URL, "192.0.2.53"]}], True),
        ([{"servers": ["https://192.0.2.5/dns-query", "https://[2001:db8::5]/"]}], True),
    ],
)
def test_somebody_else_must_know_an_upstreams_address(file: Path, upstreams: list[object], is_fine: bool) -> None:  # noqa: FBT001 - a column of the table
    """An upstream that is named by a URL needs a plain one for that name: we do not ask ourselves."""
    file.write_text(json.dumps({"upstreams": upstreams}))
    if is_fine:
        load_configuration(file)
    else:
        (line,) = refused(file).splitlines()
        assert line.startswith(f"{file}:1: upstreams[0].servers[0]: {URL}: needs a plain upstream that knows")


def test_authorities_are_beside_the_configuration(file: Path) -> None:
    """The file of `ca` is looked for where the configuration is; none stays none."""
    file.write_text(
        "upstreams:\n- {servers: ['tls://192.0.2.5#a.example'], ca: ca.pem}\n- {servers: [192.0.2.6], domains: [b]}\n"
    )
    first, second = load_configuration(file).upstreams
    assert (first.ca, second.ca) == (str(file.parent / "ca.pem"), None)


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 192.0.2.1\nnameserver 2001:db8::1\n", ["192.0.2.1", "2001:db8::1"]),
        ("# comment\n\nsearch example\noptions edns0\nnameserver 192.0.2.1 # here\n", ["192.0.2.1"]),
        ("nameserver 127.0.0.1\nnameserver 192.0.2.1\n", ["192.0.2.1"]),
        ("nameserver\nnameserver here\nnameserver 192.0.2.1", ["192.0.2.1"]),
    ],
)
def test_the_machines_own_servers(tmp_path: Path, text: str, servers: list[str]) -> None:
    """The name servers of resolv.conf are asked, but not ourselves, and nothing that is no address."""
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    found = read_system_servers((Endpoint("127.0.0.1", 53),), path)
    assert [server.text for server in found] == servers


@pytest.mark.parametrize("text", [None, "", "nameserver 127.0.0.1\n", "search example\n"])
def test_nobody_to_ask(tmp_path: Path, text: str | None) -> None:
    """Where no server is left the error says what to do."""
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match="names no server to forward to: configure upstreams"):
        read_system_servers((Endpoint("127.0.0.1", 53),), path)


def test_files_of_what_goes_out(file: Path) -> None:
    """Secrets, trust and logs are looked up beside the configuration; what is no file stays as it is."""
    file.write_text(
        "upstreams: [{servers: [192.0.2.53]}]\n"
        "notices: {server: m.example, sender: a@b.example, contact: x, user: u, password_file: p, ca: /ca.pem}\n"
        "webhooks: [{name: mdm, url: 'https://m.example/', secret_file: s}]\n"
        "events: [{name: a, to: l/e.json}, {name: b, to: stdout}, {name: c, to: 'syslog+tls://s.example:1', ca: c}]\n"
    )
    found, beside = load_configuration(file), str(file.parent)
    assert (found.notices.password_file, found.notices.ca) == (f"{beside}/p", "/ca.pem")
    assert found.webhooks[0].secret_file == f"{beside}/s"
    assert [str(each.to) for each in found.events] == [f"{beside}/l/e.json", "stdout", "syslog+tls://s.example:1"]
    assert found.events[2].ca == f"{beside}/c"


def test_locates_keys(file: Path) -> None:
    """A problem that names a key of this file gets the key's line; others stay as they are."""
    file.write_text("\n\nrecords:\n  - a\n  - b\n")
    problems = [
        Problem("wrong", str(file), key="records[1]"),
        Problem("wrong", str(file), 7, key="records[1]"),
        Problem("wrong", "other", key="records[1]"),
        Problem("wrong", str(file), key="unknown"),
    ]
    assert [problem.line for problem in locate(problems, file)] == [5, 7, 0, 0]
    assert locate(problems, None) == problems


def test_lists_are_beside_the_configuration_or_where_we_are(tmp_path, monkeypatch):
    """Without a configuration file a list's name means one in the working directory, not above it."""
    monkeypatch.chdir(tmp_path)
    assert find_directory(None) == tmp_path
    assert find_directory(Path("etc/dnsfilter.yaml")) == tmp_path / "etc"
