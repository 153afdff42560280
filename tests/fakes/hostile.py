"""What a server, or whoever writes list files, can do to us: over 200 ways, each with the reason to refuse it.

`python -m tests.fakes.hostile DIRECTORY` tries all of them in one process and prints, as JSON, what was said to each
and the largest memory that the process ever had.
"""
# ruff: noqa: E501 - a table reads better in few lines

import asyncio
import gzip
import json
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from dnsfilter.blocklist.formats import parse_list
from dnsfilter.errors import InputError
from dnsfilter.feeds import download
from dnsfilter.feeds.download import refresh
from dnsfilter.feeds.sources import copy_path, read_text
from dnsfilter.settings.order import Blocklist

OLD = "".join(f"host{index}.example\n" for index in range(100))
GOOD = OLD.replace("host", "new").encode()
SECONDS = 8.0
AT_ONCE = 8
PIECE = 1 << 16
MANY = 6_000_000
KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"

Body = Callable[[], Iterator[bytes]]


class Case(NamedTuple):
    """One way; `head` is what comes before the body over HTTP, `fields` are of the list's configuration."""

    reason: str
    body: Body
    head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    fields: dict[str, object] = {}  # noqa: RUF012 - nobody writes to it
    pause: float = 0.0


def whole(octets: bytes) -> Body:
    return lambda: iter([octets])


def lines(line: str, count: int = 300) -> Body:
    return whole((line + "\n").encode() * count)


def endless(piece: bytes) -> Body:
    def pieces() -> Iterator[bytes]:
        while True:
            yield piece

    return pieces


def bounded(piece: bytes, total: int) -> Body:
    return lambda: (piece for _ in range(total // len(piece) + 1))


def bomb(piece: bytes, total: int) -> Body:
    """Compress far more than anybody may unpack, a piece at a time."""

    def pieces() -> Iterator[bytes]:
        packer = zlib.compressobj(9, wbits=31)
        for _ in range(total // len(piece)):
            yield packer.compress(piece)
        yield packer.flush()

    return pieces


def status(code: int) -> bytes:
    return f"HTTP/1.1 {code} Reason\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n".encode()


def fields(**named: str) -> bytes:
    said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 200 OK\r\n{said}Connection: close\r\n\r\n".encode()


def location(url: str, code: int = 302) -> bytes:
    return f"HTTP/1.1 {code} Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def find_bodies() -> Iterator[tuple[str, Case]]:
    """Yield what is wrong with the text itself, downloaded or not."""
    for start in ("<!DOCTYPE html>", "<html>", "<HTML lang=en>", "\n\n <html>", "<head>", "<?xml version='1.0'?>", "<!-- -->",
                  "<body>", "<Error>", "\ufeff<html>", "<!doctype html SYSTEM>"):  # fmt: skip
        yield f"page {start!r}", Case("HTML or XML", whole(f"{start}\n<p>login</p>\n".encode()))
    for name, magic in (("gzip", gzip.compress(GOOD)), ("zstd", b"\x28\xb5\x2f\xfd" + GOOD), ("xz", b"\xfd7zXZ\0"), ("bzip2", b"BZh9"),
                        ("zip", b"PK\x03\x04"), ("7z", b"7z\xbc\xaf'"), ("PDF", b"%PDF-1.7\n"), ("PNG", b"\x89PNG\r\n"),
                        ("program", b"\x7fELF\2\1"), ("UTF-16", "a.example\n".encode("utf-16")),
                        ("UTF-16", b"\xfe\xff\0a"), ("database", b"SQLite format 3\0")):  # fmt: skip
        yield f"file {name} {magic[:2].hex()}", Case(f"is .*{name}", whole(magic))
    for octet in [*range(9), *range(14, 32), 127]:
        yield (
            f"octet {octet:#04x}",
            Case(f"not text: octet {octet:#04x}", whole(b"a.example\n" + bytes([octet]) + b"b\n")),
        )
    for wrong in (
        "80",
        "bf",
        "c0af",
        "c1bf",
        "e08080",
        "e28228",
        "eda080",
        "f0808080",
        "f4908080",
        "f8888080",
        "ff",
        "e2",
        "f09f",
        "fc",
    ):
        yield f"UTF-8 {wrong}", Case("not UTF-8 text", whole(b"a.example\n" + bytes.fromhex(wrong)))
    for encoding in ("latin-1", "cp1252", "iso8859-15", "cp437", "koi8-r"):
        letters = "я" if encoding == "koi8-r" else "é"
        yield f"encoding {encoding}", Case("not UTF-8 text", whole(f"caf{letters}.example\n".encode(encoding)))
    yield "empty", Case("is empty|not one line", whole(b""))
    for name, line in (("JSON", '{"error": 1}'), ("addresses", "192.0.2.1"), ("single labels", "localhost"), ("mail", "a@b.example"),
                       ("URLs", "https://a.example/x"), ("hosts", "0.0.0.0 a.example b.example"), ("CSV", "1,a.example,2"),
                       ("regular expressions", "/^ads[0-9]/"), ("dnsmasq", "address=/a.example/"),
                       ("RPZ", "a.example CNAME ."), ("base64", "QUJD/+=="), ("logs", "[error] 12:00"), ("everything", "."),
                       ("long labels", f"{'a' * 64}.example"), ("long names", "a." * 200 + "example"), ("spaces", "a b c"),
                       ("top-level domains", "com"), ("stars", "*"), ("paths", "/etc/passwd"), ("emoji", "\U0001f4a5\U0001f4a5"),
                       ("PEM", "-----BEGIN CERTIFICATE-----"), ("SQL", "DROP TABLE devices;"), ("shell", "$(reboot)")):  # fmt: skip
        yield f"lines of {name}", Case("lines are wrong|not one line", lines(line))
    yield "a line of 70 KB", Case("a line of more than", whole(b"a" * 70_000 + b"\n" + GOOD))
    yield "millions of empty lines", Case("more than 5,000,000 lines", bounded(b"\n" * PIECE, MANY))
    yield "millions of wrong lines", Case("lines are wrong|5,000,000 lines", bounded(b"!!\n" * 20_000, 12_000_000))
    yield (
        "too large",
        Case(
            "larger than 64 MiB|more than 5,000,000|took too long",
            bounded(b"# nothing but remarks here\n" * 2_000, 80 << 20),
        ),
    )


def find_files() -> Iterator[tuple[str, Case]]:
    """Yield what is wrong with a file; an empty one of our own is a list of nothing."""
    return ((name, case) for name, case in find_bodies() if name != "empty")


def find_transports() -> Iterator[tuple[str, Case]]:
    """Yield what is wrong with the way it comes."""
    good = whole(GOOD)
    for code in (201, 203, 204, 206, 300, 304, 305, 306, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 418, 425, 429, 451, 500,
                 501, 502, 503, 504, 505, 511, 599):  # fmt: skip
        yield f"status {code}", Case(f"HTTP status {code}", whole(b"") if code in (204, 304) else good, status(code))
    for encoding in ("br", "zstd", "deflate", "compress", "gzip, gzip", "br, gzip", "x-unknown", "exi", "aes128gcm"):
        yield f"encoding {encoding}", Case("content encoding .* not supported", good, fields(Content_Encoding=encoding))
    packed = gzip.compress(GOOD)
    for name, octets in (("no gzip", GOOD), ("cut", packed[:-9]), ("damaged", packed[:30] + b"\0\0\0" + packed[33:]), ("head", packed[:10]),
                         ("two", packed + packed), ("rest", packed + b"rest"), ("zlib", zlib.compress(GOOD))):  # fmt: skip
        yield f"compressed: {name}", Case("compressed data", whole(octets), fields(Content_Encoding="gzip"))
    for name, piece in (("names", b"ads.example\n" * 5000), ("remarks", b"# x\n" * 20_000), ("zeros", bytes(PIECE)), ("one line", b"a" * PIECE),
                        ("empty lines", b"\n" * PIECE)):  # fmt: skip
        reason = "larger than 64 MiB|5,000,000 lines|octet 0x00|a line of more|took too long"
        yield f"bomb of {name}", Case(reason, bomb(piece, 200 << 20), fields(Content_Encoding="gzip"))
    for kind in ("text/html", "text/html; charset=utf-8", "application/xhtml+xml"):
        yield f"type {kind}", Case("not a list", good, fields(Content_Type=kind))
    for name, target in (("itself", "/loop"), ("file", "file:///etc/passwd"), ("ftp", "ftp://a.example/"), ("data", "data:text/plain,a"),
                         ("script", "javascript:alert(1)"), ("metadata", "http://169.254.169.254/latest"), ("any", "http://0.0.0.0/"),
                         ("any of IPv6", "http://[::]/"), ("many", "http://224.0.0.1/"), ("link-local", "http://[fe80::1]/"),
                         ("mapped", "http://[::ffff:169.254.169.254]/"), ("number", "http://2852039166/"), ("nothing", ""),
                         ("port", "http://127.0.0.1:99999/"), ("gopher", "gopher://127.0.0.1/"), ("unix", "unix:/run/x")):  # fmt: skip
        yield (
            f"redirect: {name}",
            Case("redirect|refused|Cannot|Invalid|URL|port|range|0-65535|canonical", whole(b""), location(target)),
        )
    for code in (301, 302, 303, 307, 308):
        yield f"loop of {code}", Case("more than 5 redirects", whole(b""), location("/loop", code))
    yield "10 GB in a line", Case("a line of more than", endless(b"a" * PIECE))
    yield "endless names", Case("larger than|more than|took too long", endless(b"ads.example\n" * 5000))
    yield "endless spaces", Case("a line of more than", endless(b" " * PIECE))
    yield "slow head", Case("took too long", good, pause=60)
    yield "slow body", Case("took too long", endless(b"a.example\n"), pause=0.5)
    yield "nothing comes", Case("", whole(b""), b"")
    yield "no HTTP", Case("", good, b"SSH-2.0-x\r\n")
    yield "HTTP 0.9", Case("", good, b"")
    yield "a long field", Case("", good, b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n")
    yield "cut short", Case("payload|not completed|Not enough", good, fields(Content_Length="99999"))
    yield (
        "chunks cut",
        Case("payload|not completed|Not enough", whole(b"5\r\na.exa"), fields(Transfer_Encoding="chunked")),
    )
    yield "chunks wrong", Case("", whole(b"zz\r\na.example\r\n"), fields(Transfer_Encoding="chunked"))
    yield "length below zero", Case("", good, fields(Content_Length="-1"))
    yield "length twice", Case("", good, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n")
    yield "shrunk", Case("holds 1 entries where the last good copy holds 100", whole(b"one.example\n"))
    for name, sums in (("other", "0" * 64), ("none", "hello"), ("of others", "0" * 64 + "  a\n" + "1" * 64 + "  b\n")):
        yield f"checksum {name}", Case("checksum", good, fields={"checksum": sums})
    for name, signature in (
        ("none", "hello"),
        ("other key", "untrusted comment: x\n" + "RUQ" + "A" * 97 + "\ntrusted comment: x\nAA==\n"),
    ):
        yield f"signature {name}", Case("signature|signed", good, fields={"signature": signature, "public_key": KEY})


class Server:
    """Serves every case under its number, and its proof beside it."""

    def __init__(self, cases: list[Case]) -> None:
        self.cases = cases
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request."""
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().strip("/")
            async for octets in self.answer(path):
                writer.write(octets)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def answer(self, path: str) -> AsyncIterator[bytes]:
        """Yield what a path gets, a piece at a time."""
        if path == "loop":
            yield location("/loop")
            return
        number, _, proof = path.partition("/")
        case = self.cases[int(number)]
        if proof:
            yield Case("", whole(b"")).head + str(case.fields[proof]).encode()
            return
        if case.pause > SECONDS:
            await asyncio.sleep(case.pause)
        yield case.head
        for octets in case.body():
            yield octets
            await asyncio.sleep(case.pause)


async def try_download(server: Server, number: int, directory: Path) -> str:
    case = server.cases[number]
    given = {
        key: value if key == "public_key" else f"{server.url}/{number}/{key}" for key, value in case.fields.items()
    }
    blocklist = Blocklist.model_validate({"name": f"list{number}", "url": f"{server.url}/{number}", **given})
    copy = copy_path(blocklist, directory)
    copy.write_text(OLD)
    try:
        await refresh(blocklist, directory)
    except InputError as error:
        return str(error) if copy.read_text() == OLD else "the old copy is not what it was"
    return "taken"


def try_file(case: Case, path: Path) -> str:
    """Return what is said to a list file."""
    with path.open("wb") as file:
        file.writelines(case.body())
    try:
        parse_list(read_text(path)[0], str(path), Blocklist(name="list", file=str(path)))
    except InputError as error:
        return str(error)
    finally:
        path.unlink()
    return "taken"


async def try_all(directory: Path) -> dict[str, str]:
    named = {**{f"download {name}": case for name, case in find_bodies()}, **dict(find_transports())}
    server = Server(list(named.values()))
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    room = asyncio.Semaphore(AT_ONCE)

    async def run(number: int) -> str:
        async with room:
            return await try_download(server, number, directory)

    said = dict(zip(named, await asyncio.gather(*map(run, range(len(named)))), strict=True))
    listening.close()
    serving = asyncio.all_tasks() - {asyncio.current_task()}
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)
    return said | {f"file {name}": try_file(case, directory / "list.txt") for name, case in find_files()}


def read_peak() -> int:
    """Return the most octets of memory that this program had; getrusage(2) would count whoever started it, too."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def find_cases() -> dict[str, str]:
    """Return the reason that each case must be refused for."""
    cases = {**{f"download {name}": case for name, case in find_bodies()}, **dict(find_transports())}
    cases |= {f"file {name}": case for name, case in find_files()}
    return {name: case.reason for name, case in cases.items()}


if __name__ == "__main__":
    download.TOTAL_SECONDS = SECONDS
    results = asyncio.run(try_all(Path(sys.argv[1])))
    peak = read_peak()
    json.dump({"said": results, "peak": peak}, sys.stdout)
