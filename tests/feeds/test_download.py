"""Subscriptions, against a real HTTP server."""

import asyncio
import gzip
import os
import socket
import time
from ipaddress import ip_address

import pytest
from aiohttp import web

from dnsfilter.errors import InputError
from dnsfilter.feeds import download, screening, sources
from dnsfilter.feeds.download import Gate, is_never_a_server, is_public, refresh
from dnsfilter.settings.order import Blocklist

LIST = "a.example\nb.example\n"


class Server:
    """A server whose answers a test chooses; counts requests and keeps their headers."""

    def __init__(self, answer, host="127.0.0.1"):
        self.requests = []
        self._answer = answer
        self._host = host

    async def __aenter__(self):
        application = web.Application()
        application.router.add_get("/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, 0)
        await site.start()
        self.url = f"http://{self._host}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _handle(self, request):
        self.requests.append(request)
        answer = self._answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer


def text(body=LIST, **options):
    return lambda _request: web.Response(text=body, **options)


def compressed(body, encoding="gzip"):
    return lambda _request: web.Response(body=body, headers={"Content-Encoding": encoding})


def redirect(url):
    return lambda _request: web.Response(status=302, headers={"Location": url})


def fetch(answer, directory, path="/list", **fields):
    """Refresh once from a server of one answer; return the path."""

    async def run():
        async with Server(answer) as server:
            return await refresh(Blocklist(name="sub", url=server.url + path, **fields), directory)

    return asyncio.run(run())


def refuse(answer, directory, path="/list", **fields):
    """Refresh where that must fail; return the message."""
    with pytest.raises(InputError) as refusal:
        fetch(answer, directory, path, **fields)
    return str(refusal.value)


@pytest.fixture
def old(tmp_path):
    """Return the path of a last good copy, as a former download left it."""
    copy = fetch(text("old.example\n"), tmp_path)
    os.utime(copy, (1000, 1000))
    return copy


def test_a_download(tmp_path):
    """The list is kept under its name, for its owner only, and read from there."""
    copy = fetch(text(), tmp_path / "lists")
    assert copy == sources.copy_path(Blocklist(name="sub", url="http://x"), tmp_path / "lists")
    assert copy.read_text() == LIST
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "lists").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in copy.parent.iterdir()) == ["sub.json", "sub.list"]


def test_a_newer_list_replaces_the_copy(old):
    """The next download takes the place of the last."""
    assert fetch(text(), old.parent) == old
    assert old.read_text() == LIST


def test_compressed_lists(tmp_path):
    """A server may compress."""
    assert fetch(compressed(gzip.compress(LIST.encode())), tmp_path).read_text() == LIST


@pytest.mark.parametrize(
    ("header", "value", "question"),
    [
        ("ETag", '"v1"', "If-None-Match"),
        ("Last-Modified", "Wed, 01 Mar 2023 00:00:00 GMT", "If-Modified-Since"),
    ],
)
def test_only_news_is_downloaded(tmp_path, header, value, question):
    """The server is asked for news since the copy; where it has none, the copy counts as fresh."""

    def answer(request):
        if request.headers.get(question) == value:
            return web.Response(status=304)
        return web.Response(text=LIST, headers={header: value})

    async def run():
        async with Server(answer) as server:
            blocklist = Blocklist(name="sub", url=server.url)
            copy = await refresh(blocklist, tmp_path)
            os.utime(copy, (1000, 1000))
            await refresh(blocklist, tmp_path)
            assert [question in request.headers for request in server.requests] == [False, True]
            await refresh(blocklist.model_copy(update={"url": server.url + "/other"}), tmp_path)
            assert question not in server.requests[2].headers
            return copy

    copy = asyncio.run(run())
    assert copy.read_text() == LIST
    assert time.time() - copy.stat().st_mtime < 60


def test_no_news_without_a_copy(tmp_path):
    """A server that says "not modified" to somebody without a copy is wrong."""
    assert "HTTP status 304" in refuse(lambda _request: web.Response(status=304), tmp_path)


def test_a_damaged_note_is_no_obstacle(old):
    """Without the note of what the server said, everything is downloaded again."""
    old.with_suffix(".json").write_text("[1]")
    assert fetch(text(), old.parent).read_text() == LIST


def slow(_request):
    async def answer():
        await asyncio.sleep(5)
        return web.Response(text=LIST)

    return answer()


async def drip(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(50):
        await response.write(b"a.example\n")
        await asyncio.sleep(0.1)
    return response


async def cut(request):
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"a.example\n")
    request.transport.close()
    return response


async def endless(request):
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"a.example\n" * 6000)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (text(status=404), "HTTP status 404 Not Found"),
        (text(status=500), "HTTP status 500"),
        (text(status=206), "HTTP status 206"),
        (text("<p>", content_type="text/html"), "is text/html, not a list"),
        (text("<!DOCTYPE html><p>Sign in</p>"), "HTML or XML"),
        (text(""), "is empty"),
        (text("error: try again later\n"), "not one line can be used"),
        (lambda _request: web.Response(body=b"a.example\n\xff\n"), ":2: is not UTF-8 text"),
        (compressed(b"a.example"), "compressed data is damaged"),
        (compressed(gzip.compress(LIST.encode())[:-4]), "compressed data ends early"),
        (compressed(gzip.compress(LIST.encode()) * 2), "not at its end"),
        (compressed(b"x", "br"), "content encoding br is not supported"),
        (slow, "took too long"),
        (drip, "took too long"),
        (cut, "payload"),
        (endless, "is larger than 1 MiB"),
        (compressed(gzip.compress(b"a.example\n" * (5 << 20))), "is larger than 1 MiB"),
        (lambda request: redirect(request.path)(request), "more than 5 redirects"),
        (redirect("file:///etc/passwd"), "redirect to file:///etc/passwd refused"),
        (redirect("http://169.254.169.254/latest"), "connection to 169.254.169.254 refused"),
        (redirect("http://0.0.0.0/"), "connection to 0.0.0.0 refused"),
        (redirect("http://[::ffff:169.254.169.254]/"), "refused"),
        (redirect("http://2852039166/"), "2852039166"),
    ],
)
def test_whatever_goes_wrong_the_old_copy_stays(old, monkeypatch, answer, reason):
    """The message says what was wrong, and the last good copy is what it was."""
    monkeypatch.setattr(download, "TOTAL_SECONDS", 1.0)
    monkeypatch.setattr(screening, "MAX_BYTES", 1 << 20)
    message = refuse(answer, old.parent)
    assert message.startswith(("sub: http://127.0.0.1:", "http://127.0.0.1:"))
    assert reason in message
    assert old.read_text() == "old.example\n"
    assert old.stat().st_mtime == 1000
    assert sorted(path.name for path in old.parent.iterdir()) == ["sub.json", "sub.list"]


def test_nobody_listens(tmp_path):
    """A refused connection is an error like any other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(InputError, match=rf"sub: http://127\.0\.0\.1:{port}/: .*Connect"):
        asyncio.run(refresh(Blocklist(name="sub", url=f"http://127.0.0.1:{port}/"), tmp_path))


def test_secrets_of_the_url_stay_out_of_messages(tmp_path):
    """Neither password nor query of a URL is shown."""

    async def run():
        async with Server(text(status=403)) as server:
            url = server.url.replace("http://", "http://me:secret@") + "/list?key=secret"
            await refresh(Blocklist(name="sub", url=url), tmp_path)

    with pytest.raises(InputError, match="HTTP status 403") as refusal:
        asyncio.run(run())
    assert "secret" not in str(refusal.value)


def test_a_catalogue_by_subscription(old):
    """A subscription is parsed in its own format before it replaces the copy."""
    assert "sufix: unknown key" in refuse(text("app: x\nentries: [{sufix: a}]"), old.parent, format="catalogue")
    assert fetch(text("app: x\nentries: [{exact: a.example}]"), old.parent, format="catalogue") == old


@pytest.mark.parametrize("configured", ["127.0.0.1", "127.0.0.2"])
def test_redirects_into_the_own_network(tmp_path, monkeypatch, configured):
    """A public server may not send us to a private one; a private one may."""
    monkeypatch.setattr(download, "is_public", lambda address: str(address) == "127.0.0.2")

    async def run():
        async with Server(text()) as inner, Server(redirect(inner.url + "/list"), configured) as outer:
            try:
                await refresh(Blocklist(name="sub", url=outer.url), tmp_path)
            except InputError as error:
                return len(inner.requests), str(error)
            return len(inner.requests), ""

    requests, message = asyncio.run(run())
    assert requests == (configured == "127.0.0.1")
    assert ("connection to 127.0.0.1 refused: not a public address" in message) == (configured == "127.0.0.2")


@pytest.mark.parametrize(
    ("address", "public", "never"),
    [
        ("8.8.8.8", True, False),
        ("2001:4860:4860::8888", True, False),
        ("10.0.0.1", False, False),
        ("127.0.0.1", False, False),
        ("::1", False, False),
        ("fd00::1", False, False),
        ("100.64.0.1", False, False),
        ("::ffff:10.0.0.1", False, False),
        ("169.254.169.254", False, True),
        ("::ffff:169.254.169.254", False, True),
        ("fe80::1", False, True),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("224.0.0.1", False, True),
        ("ff0e::1", False, True),
    ],
)
def test_addresses(address, public, never):
    """Which addresses are the Internet's, and which no list is ever fetched from."""
    assert is_public(ip_address(address)) is public
    assert is_never_a_server(ip_address(address)) is never


def test_the_gate_checks_every_address_of_a_name():
    """A redirect's name with several addresses is tried only at the public ones."""
    gate = Gate()
    kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
    gate.open_socket((*kind, ("8.8.8.8", 80))).close()
    gate.leave_configured_host()
    gate.open_socket((*kind, ("8.8.4.4", 80))).close()
    with pytest.raises(PermissionError, match=r"10\.0\.0\.1"):
        gate.open_socket((*kind, ("10.0.0.1", 80)))


def test_mirrors(tmp_path):
    """Where the first address fails the next is asked; where all fail each is told with its reason."""

    def answer(request):
        return web.Response(text=LIST) if request.path == "/good" else web.Response(status=503)

    async def run(*paths):
        async with Server(answer) as server:
            first, *rest = (server.url + path for path in paths)
            return await refresh(Blocklist(name="sub", url=first, mirrors=tuple(rest)), tmp_path)

    assert asyncio.run(run("/bad", "/good")).read_text() == LIST
    with pytest.raises(InputError) as refusal:
        asyncio.run(run("/bad", "/worse"))
    assert [problem.message.partition(" ")[0].rpartition("/")[2] for problem in refusal.value.problems] == [
        "bad:",
        "worse:",
    ]


def test_shrinking(old):
    """A list that lost more than its share is refused unless somebody says so; what grows or stays is taken."""
    many = "".join(f"host{index}.example\n" for index in range(10))
    fetch(text(many), old.parent)
    few = "".join(f"host{index}.example\n" for index in range(4))
    message = refuse(text(few), old.parent)
    assert "holds 4 entries where the last good copy holds 10" in message
    assert "lists update --accept-shrink sub" in message
    assert old.read_text() == many
    old.with_suffix(".json").unlink()
    assert "holds 10" in refuse(text(few), old.parent)
    assert fetch(text(few), old.parent, max_shrink=0.6).read_text() == few
    fetch(text(many), old.parent)

    async def run():
        async with Server(text(few)) as server:
            return await refresh(Blocklist(name="sub", url=server.url), old.parent, may_shrink=True)

    assert asyncio.run(run()).read_text() == few
