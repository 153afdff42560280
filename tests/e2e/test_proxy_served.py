"""The proxy under `dnsfilter serve`: who clients prove to be, what programs are told, and uploads nobody wants."""

import base64
import hashlib
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.proxy import Fetched, curl
from tests.e2e.server import Server, default_settings, start_server
from tests.fakes.origin import BODY, Origin, make_certificate
from tests.fakes.published import TRUSTING
from tests.processes import Processes, children, command_line, free_port, require_program, wait_until

LISTED = "www.tiktok.com"
UNLISTED = "www.example.org"
INVENTORY = "id,name,owner,mail,group,mac,ip\nL-1,Laptop,Alice,alice@corp.example,corporate,02:00:00:00:00:01,\n"
PASSWORD = "correct horse"
UPLOAD = 200 << 20
GROWTH = 32 << 20
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"


@dataclass(frozen=True, slots=True)
class House:
    """A running server with a proxy and a policy for known devices only."""

    server: Server
    port: int
    state: Path

    def curl(self, url: str, *options: str) -> Fetched:
        """Fetch a URL through the proxy."""
        return curl(url, "--proxy", f"http://127.0.0.1:{self.port}", *options)

    def worker(self) -> int:
        """Return the process of the proxy."""
        found = [pid for pid in children(self.server.running.pid) if "proxy_addons.program" in command_line(pid)]
        return found[0]


def settle(directory: Path, processes: Processes, **proxy: Any) -> House:
    """Start a server whose policy is about two groups: devices of the inventory, and one address that trusts the CA."""
    (directory / "devices.csv").write_text(INVENTORY)
    port = free_port()
    managed = {"name": "managed", "networks": [f"{TRUSTING}/32"], "trusts_ca": True}
    order = {"name": "order", "blocklists": ["tiktok"], "phases": {"enforce": "2023-03-15"}}
    wanted = {
        **default_settings("127.0.0.1:9"),
        "allow_clients": ["127.0.0.1/32", "::1/128", f"{TRUSTING}/32"],
        "groups": [managed, {"name": "corporate"}],
        "inventory": str(directory / "devices.csv"),
        "policies": [{**order, "groups": ["managed", "corporate"]}],
        "proxy": {"listen": [f"regular@127.0.0.1:{port}"], "metrics": f"127.0.0.1:{free_port()}", **proxy},
    }
    server = start_server(processes, directory, wanted)
    return House(server, port, Path(server.settings["state"]))


@pytest.fixture(scope="module")
def house(module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return one that asks nobody who they are."""
    return settle(tmp_path_factory.mktemp("house"), module_processes)


@pytest.fixture(scope="module")
def trusted(house: House) -> tuple[str, ...]:
    """Return the options of a curl on the device that trusts the CA."""
    return "--interface", TRUSTING, "--cacert", str(house.state / "mitmproxy" / "mitmproxy-ca-cert.pem")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """Stand behind every name."""
    with Origin(make_certificate(tmp_path_factory.mktemp("origin"), LISTED, UNLISTED)) as found:
        yield found


def devices(server: Server) -> list[dict[str, Any]]:
    """Return what the server says of the devices that it has seen."""
    done = server.command("devices", "--json")
    return [json.loads(line) for line in done.stdout.splitlines()]


def wait_for_device(server: Server) -> None:
    """Wait until the one device of the inventory is known to have reached for the app."""
    wait_until(lambda: [seen["group"] for seen in devices(server)] == ["corporate"], "the device is seen")


def test_users_are_devices(processes: Processes, tmp_path: Path, origin: Origin) -> None:
    """Who gives the password of a device is that device; another user is nobody; without one nothing goes."""
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (tmp_path / "users").write_text("".join(f"{user}:{{SHA}}{digest}\n" for user in ("L-1", "stranger")))
    house = settle(tmp_path, processes, users=str(tmp_path / "users"))
    there = ("-k", "--connect-to", f"::127.0.0.1:{origin.port}")
    before = origin.accepted
    assert house.curl(f"https://{UNLISTED}/", *there).connect_status == 407
    assert house.curl(f"https://{UNLISTED}/", *there, "--proxy-user", "L-1:wrong").connect_status == 407
    assert house.curl(f"https://{LISTED}/", *there, "--proxy-user", f"L-1:{PASSWORD}").status == 0
    assert house.curl(f"http://{LISTED}/", "--proxy-user", f"L-1:{PASSWORD}").status == 451
    assert origin.accepted == before
    assert house.curl(f"https://{UNLISTED}/", *there, "--proxy-user", f"L-1:{PASSWORD}").status == 200
    assert house.curl(f"https://{LISTED}/", *there, "--proxy-user", f"stranger:{PASSWORD}").body == BODY.decode()
    wait_for_device(house.server)


def certify(directory: Path, name: str) -> tuple[Path, Path]:
    """Return an authority and the certificate (with its key) that it issued to a device."""
    openssl = require_program("openssl", "openssl")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    ca, key, pem = (directory / file for file in ("ca.pem", "ca.key", "device.pem"))
    root = ["-subj", "/CN=Devices", "-keyout", str(key), "-out", str(ca)]
    device = ["-subj", f"/CN={name}", "-keyout", str(directory / "device.key"), "-out", str(pem)]
    subprocess.run([openssl, "req", "-x509", *new, *root], check=True, capture_output=True)
    issued = ["-CA", str(ca), "-CAkey", str(key)]
    subprocess.run([openssl, "req", "-x509", *new, *device, *issued], check=True, capture_output=True)
    pem.write_text(pem.read_text() + (directory / "device.key").read_text())
    return ca, pem


def test_certificates_are_devices(processes: Processes, tmp_path: Path, origin: Origin) -> None:
    """Over TLS to the proxy, the name in a certificate that the authority issued is the device; no other counts."""
    ca, device = certify(tmp_path, "L-1")
    (tmp_path / "other").mkdir()
    _, forged = certify(tmp_path / "other", "L-1")
    house = settle(tmp_path, processes, client_ca=str(ca))
    before = origin.accepted

    def fetch(name: str, *options: str) -> Fetched:
        there = ("-k", "--connect-to", f"::127.0.0.1:{origin.port}", "--proxy-insecure")
        return curl(f"https://{name}/", "--proxy", f"https://127.0.0.1:{house.port}", *there, *options)

    assert fetch(LISTED, "--proxy-cert", str(device)).status == 0
    assert origin.accepted == before
    wait_for_device(house.server)
    assert fetch(UNLISTED, "--proxy-cert", str(device)).body == BODY.decode()
    assert fetch(LISTED).body == fetch(LISTED, "--proxy-cert", str(forged)).body == BODY.decode()


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_the_notice(house: House, trusted: tuple[str, ...], version: str) -> None:
    """A browser gets the page and a program problem details, with 451, under HTTP/1.1 and HTTP/2."""
    through = (*trusted, f"--http{version}")
    page = house.curl(f"https://{LISTED}/video", *through, "-H", "Accept-Language: de")
    assert (page.status, page.connect_status) == (451, 200)
    assert '<html lang="de"' in page.body
    assert re.search(rf"< HTTP/{version}.* 451", page.log)
    told = house.curl(f"https://{LISTED}/v1/feed", *through, "-H", "Accept: application/json")
    assert json.loads(told.body)["status"] == told.status == 451
    assert "content-type: application/problem+json" in told.log.lower()


def test_no_websocket_to_a_refused_name(house: House, trusted: tuple[str, ...]) -> None:
    """The handshake of a WebSocket is answered with problem details, plain and inside TLS."""
    fields = [word for line in UPGRADE.splitlines() for word in ("-H", line)]
    for url in (f"http://{LISTED}/chat", f"https://{LISTED}/chat"):
        told = house.curl(url, *trusted, "--http1.1", *fields)
        assert (told.status, json.loads(told.body)["app"]) == (451, "tiktok")


def test_websockets_elsewhere_pass(house: House) -> None:
    """What follows an upgrade on a name that nobody listed goes both ways as it is."""
    with socket.create_server(("127.0.0.1", 0)) as listening, dial(house.port) as client:
        listening.settimeout(10)
        authority = f"127.0.0.1:{listening.getsockname()[1]}"
        client.sendall(f"GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n{UPGRADE}\r\n".encode())
        server, _ = listening.accept()
        with server:
            server.settimeout(10)
            assert b"Sec-WebSocket-Key" in server.recv(65_536)
            switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            server.sendall(switch + b"Sec-WebSocket-Accept: Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=\r\n\r\n")
            assert client.recv(65_536).startswith(b"HTTP/1.1 101")
            server.sendall(b"\x81\x05hello")
            assert client.recv(65_536) == b"\x81\x05hello"


@contextmanager
def dial(port: int, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Connect to the proxy."""
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as sock:
        yield sock


def resident(pid: int) -> int:
    """Return the largest resident size that a process has had, in octets."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) << 10


def upload(send: Callable[[bytes], object], head: bytes) -> None:
    """Send a body that nobody will read, to its end, whatever the other side says."""
    send(head)
    for _ in range(UPLOAD >> 20):
        send(bytes(1 << 20))


def test_a_refused_upload_is_not_kept(house: House) -> None:
    """200 MB to a refused name are answered from the head on, discarded as they come, and cost no memory."""
    before = resident(house.worker())
    head = f"POST http://{LISTED}/upload HTTP/1.1\r\nHost: {LISTED}\r\nContent-Length: {UPLOAD}\r\n\r\n"
    with dial(house.port, TRUSTING) as client:
        client.sendall(head.encode())
        assert client.recv(65_536).startswith(b"HTTP/1.1 451")
        upload(client.sendall, b"")
        client.sendall(f"GET http://{LISTED}/ HTTP/1.1\r\nHost: {LISTED}\r\n\r\n".encode())
        wait_until(lambda: b"HTTP/1.1 451" in client.recv(65_536), "the same connection goes on")
    assert resident(house.worker()) - before < GROWTH


def test_a_refused_upload_inside_tls_is_not_kept(house: House, trusted: tuple[str, ...], tmp_path: Path) -> None:
    """The same inside TLS; curl, which listens while it sends, has the answer early, under HTTP/2 too."""
    before = resident(house.worker())
    context = ssl.create_default_context(cafile=trusted[-1])
    with dial(house.port, TRUSTING) as client:
        client.sendall(f"CONNECT {LISTED}:443 HTTP/1.1\r\nHost: {LISTED}\r\n\r\n".encode())
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        with context.wrap_socket(client, server_hostname=LISTED) as tls:
            upload(tls.sendall, f"PUT / HTTP/1.1\r\nHost: {LISTED}\r\nContent-Length: {UPLOAD}\r\n\r\n".encode())
            assert tls.recv(65_536).startswith(b"HTTP/1.1 451")
    file = tmp_path / "big"
    with file.open("wb") as big:
        big.truncate(UPLOAD)
    for version in ("--http1.1", "--http2"):
        assert house.curl(f"https://{LISTED}/", *trusted, version, "-T", str(file)).status == 451
    assert resident(house.worker()) - before < GROWTH


def test_an_expected_refusal_asks_for_no_body(house: House) -> None:
    """Who asks first (Expect: 100-continue) is refused without having been told to go on."""
    fields = f"Host: {LISTED}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with dial(house.port, TRUSTING) as client:
        client.sendall(f"POST http://{LISTED}/ HTTP/1.1\r\n{fields}".encode())
        assert client.recv(65_536).startswith(b"HTTP/1.1 451")


def test_strangers_are_not_served(house: House) -> None:
    """Whom the resolver would not answer has no use of the proxy either."""
    with dial(house.port, "127.0.0.3") as client:
        client.sendall(b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert read_to_end(client) == b""


def read_to_end(client: socket.socket) -> bytes:
    """Return what comes until the other side ends, which may do so at once."""
    said = b""
    with suppress(ConnectionError):
        while data := client.recv(65_536):
            said += data
    return said


BANNED = f"GET / HTTP/1.1\r\nHost: {LISTED}\r\nConnection: close\r\n\r\n"
BANNED_THERE = BANNED.replace(" / ", f" http://{LISTED}/ ")
CONFUSED = [
    ("content-length: 4\ntransfer-encoding: chunked\n\n0\r\n\r\n" + BANNED, "400"),
    ("content-length: 9\ntransfer-encoding: xchunked\n\n0\r\n\r\n" + BANNED, "400"),
    ("transfer-encoding : chunked\ncontent-length: 9\n\n0\r\n\r\n" + BANNED, "400"),
    ("content-length: 0\ncontent-length: 99\n\n" + BANNED, "400"),
    ("content-length: +5\n\n" + BANNED, "400"),
    (f"host : {LISTED}\n\n", "400"),
    (f"host: {LISTED}\n\n", "451"),
    (f"host: {LISTED}..\n\n", "451"),
    (f"host: {LISTED}:port\n\n", "451"),
    (f"host: www.example.org@{LISTED}\n\n", "451"),
    (f"host: {LISTED}\0.example.org\n\n", "451"),
    ("transfer-encoding: chunked\n\n0\r\n\r\n" + BANNED_THERE, "200 451"),
    ("content-length: 0\n\n" + BANNED_THERE, "200 451"),
    (f"x-long: a\n host: {LISTED}\n\n", "200"),
    ("x-long: " + "a" * 70_000, "431"),
]


@pytest.mark.parametrize(("rest", "statuses"), CONFUSED, ids=range(len(CONFUSED)))
def test_confused_requests_reach_nobody(house: House, rest: str, statuses: str) -> None:
    """What two servers would read as different requests is read by none; what is hidden behind another is judged."""
    with Origin(keeps=True) as origin, dial(house.port, TRUSTING) as client:
        there = f"127.0.0.1:{origin.port}"
        head, _, body = rest.partition("\n\n")
        lines = [f"POST http://{there}/ HTTP/1.1", f"Host: {there}", *head.split("\n")]
        client.sendall("\r\n".join(lines).encode() + (b"\r\n\r\n" + body.encode() if "\n\n" in rest else b""))
        said = read_statuses(client, len(statuses.split()))
        assert said == statuses.split()
        assert origin.accepted == said.count("200")
        assert not any(line.lower() == f"host: {LISTED}" for each in origin.requests for line in lines_of(each))


def lines_of(request: bytes) -> list[str]:
    """Return the lines of a head."""
    return request.decode("latin-1").split("\r\n")


def read_statuses(client: socket.socket, count: int) -> list[str]:
    """Return the statuses of so many responses."""
    said = b""
    while len(found := re.findall(rb"HTTP/1\.1 (\d+)", said)) < count:
        data = client.recv(65_536)
        assert data, said
        said += data
    return [status.decode() for status in found]
