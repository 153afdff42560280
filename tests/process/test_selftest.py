"""The self-test, against small servers that answer rightly, wrongly or not at all."""

import asyncio
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dnsfilter.config import Configuration
from dnsfilter.process.selftest import PAUSE, Selftest, find_paths, find_unserved, try_paths
from dnsfilter.wire.proxy_protocol import LOCAL_HEADER
from tests.processes import free_port

SINKHOLE = "192.0.2.66"


def answer(query: bytes, address: str = SINKHOLE) -> bytes:
    """Return a response with one A record."""
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x0a\0\4" + socket.inet_aton(address)
    return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + record


def configuration(port: int, **settings: Any) -> Configuration:
    return Configuration.model_validate(
        {"listen": {"dns": [f"127.0.0.1:{port}"]}, "sinkhole": {"ipv4": SINKHOLE}, **settings}
    )


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def resolver(respond: Callable[[bytes], bytes]) -> Iterator[int]:
    """Serve DNS over UDP and TCP on one port."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            sock.sendto(respond(data), self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            query = self.rfile.read(int.from_bytes(self.rfile.read(2), "big"))
            response = respond(query)
            self.wfile.write(len(response).to_bytes(2, "big") + response)

    port = free_port()
    with (
        running(socketserver.UDPServer(("127.0.0.1", port), Datagram)),
        running(socketserver.TCPServer(("127.0.0.1", port), Stream)),
    ):
        yield port


@contextmanager
def website(status: str) -> Iterator[int]:
    """Answer every HTTP request with one status."""

    class Page(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi".encode())

    server = socketserver.TCPServer(("127.0.0.1", 0), Page)
    with running(server):
        yield server.server_address[1]


@pytest.mark.parametrize(
    ("networks", "rcode", "is_right"),
    [(["10.0.0.0/8"], 5, True), (["10.0.0.0/8"], 0, False), (["10.0.0.0/8"], 3, False), (["127.0.0.0/8"], 5, False)],
)
def test_who_is_not_served_is_refused(networks: list[str], rcode: int, *, is_right: bool) -> None:
    """Where `allow_clients` leaves out our own address, being refused is right, and only there."""

    def refuse(query: bytes) -> bytes:
        return query[:2] + bytes((0x81, 0x80 | rcode)) + query[4:]

    with resolver(refuse) as port:
        found = configuration(port, allow_clients=networks)
        assert try_paths(found) == {"udp": is_right, "tcp": is_right}
        assert find_unserved(found) == ([] if networks == ["127.0.0.0/8"] else ["127.0.0.1"])


@pytest.mark.parametrize(
    ("respond", "is_right"),
    [
        pytest.param(answer, True, id="the sinkhole"),
        pytest.param(lambda query: answer(query, "198.51.100.1"), False, id="another address"),
        pytest.param(lambda query: b"\0\0" + answer(query)[2:], False, id="another ID"),
        pytest.param(lambda query: query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12:], False, id="NXDOMAIN"),
        pytest.param(lambda query: query[:2], False, id="cut short"),
        pytest.param(lambda query: answer(query[:12] + query[12:].replace(b"selftest", b"somebody")), False, id="name"),
    ],
)
def test_judges_answers(respond: Callable[[bytes], bytes], is_right: bool) -> None:  # noqa: FBT001
    """Only the sinkhole's address, for the question that was asked, is success."""
    with resolver(respond) as port:
        assert try_paths(configuration(port)) == {"udp": is_right, "tcp": is_right}


def test_nobody_there_is_failure() -> None:
    """Where nothing listens every path fails, and none raises."""
    modes = {"proxy": {"listen": [f"regular@127.0.0.1:{free_port()}"]}}
    page = {"selftest": {"page": f"http://127.0.0.1:{free_port()}/"}}
    results = try_paths(configuration(free_port(), **modes, **page))
    assert results == {"udp": False, "tcp": False, "proxy": False, "page": False}


def test_tells_load_balancers_network_that_it_asks_for_itself() -> None:
    """From a network whose connections begin with PROXY headers, a probe begins with one."""

    def respond(message: bytes) -> bytes:
        assert message.startswith(LOCAL_HEADER)
        return answer(message.removeprefix(LOCAL_HEADER))

    with resolver(respond) as port:
        listen = {"dns": [f"127.0.0.1:{port}"], "proxy_protocol": ["127.0.0.0/8"]}
        assert try_paths(configuration(port, listen=listen))["udp"]


@pytest.mark.parametrize(("status", "is_right"), [("451 Unavailable", True), ("200 OK", False), ("502 Bad", False)])
def test_proxy_must_refuse(status: str, is_right: bool) -> None:  # noqa: FBT001
    """At the proxy only a refusal by policy is success."""
    with website(status) as port:
        found = find_and_try("proxy", proxy={"listen": [f"regular@127.0.0.1:{port}"]})
    assert found is is_right


@pytest.mark.parametrize(
    ("status", "is_right"),
    [("407 Proxy Authentication Required", True), ("451 Unavailable", False), ("502 Bad", False)],
)
def test_proxy_with_users_must_ask_for_a_password(status: str, is_right: bool) -> None:  # noqa: FBT001
    """Where the proxy has users, a test without a password can see no more than that it is asked for one."""
    with website(status) as port:
        found = find_and_try("proxy", proxy={"listen": [f"regular@127.0.0.1:{port}"], "users": "htpasswd"})
    assert found is is_right


def find_and_try(path: str, **settings: Any) -> bool:
    return try_paths(configuration(free_port(), **settings))[path]


def test_any_page_will_do() -> None:
    """Behind the sinkhole whatever answers is success: it says what happened in its own way."""
    with website("403 Forbidden") as port:
        assert find_and_try("page", selftest={"page": f"http://127.0.0.1:{port}/"})


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ({}, ["udp", "tcp"]),
        ({"selftest": {"interval": "0s"}}, []),
        ({"proxy": {"listen": ["transparent@8080"]}}, ["udp", "tcp"]),
        ({"proxy": {"listen": ["upstream:http://up.example:3128@8081"]}}, ["udp", "tcp", "proxy"]),
        ({"listen": {"dns": [], "tls": ["127.0.0.1:853"], "certificate": {"chain": "c", "key": "k"}}}, ["tls"]),
        ({"listen": {"dns": [], "https": ["127.0.0.1:443"], "certificate": {"chain": "c", "key": "k"}}}, ["https"]),
    ],
)
def test_paths_are_those_configured(settings: dict[str, Any], paths: list[str]) -> None:
    """There is a path for every way in that can be tried from here, and none when it is turned off."""
    assert find_paths(configuration(free_port(), **settings)) == paths


def test_runs_once_somebody_is_there() -> None:
    """The first test comes only when there is somebody to ask, and its results are shown."""
    shown: list[dict[str, bool]] = []
    looked = iter([False, True])

    async def run(port: int) -> None:
        selftest = Selftest(configuration(free_port()), lambda results: shown.append(dict(results)))
        selftest.adopt(configuration(port, selftest={"interval": "1h"}))
        task = asyncio.create_task(selftest.run(lambda: next(looked)))
        while not shown:  # noqa: ASYNC110 - a thread is waited for
            await asyncio.sleep(PAUSE / 5)
        task.cancel()

    asyncio.run(run(free_port()))
    assert shown == [{"udp": False, "tcp": False}]
    assert next(looked, None) is None


def test_nobody_waits_for_it_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager that ends while listeners that have ended already are asked does not wait for their answers."""
    asked, answered = threading.Event(), threading.Event()
    results: list[bool] = []

    def ask(_: Configuration) -> dict[str, bool]:
        asked.set()
        results.append(answered.wait(20))
        return {}

    async def run() -> None:
        task = asyncio.create_task(Selftest(configuration(1), lambda _: None).run(lambda: True))
        await asyncio.to_thread(asked.wait, 20)
        task.cancel()

    monkeypatch.setattr("dnsfilter.process.selftest.try_paths", ask)
    asyncio.run(run())
    assert results == []
    answered.set()
