"""Looks at a list while it comes in, in constant memory: is it text, of lines, not too much of it, and no page.

What passes may still be no list; but it can be read whole without harm.
"""

import codecs
import re

MAX_BYTES = 64 * 1024 * 1024
MAX_LINES = 5_000_000
MAX_LINE = 64 * 1024
"""Octets of the longest line that is not taken for something else than a list."""

_SIGNATURES = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf": "7z",
    b"%PDF-": "PDF",
    b"\x89PNG": "PNG",
    b"\x7fELF": "a program",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"SQLite format 3": "a database",
}
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|!--|html|head|body|\?xml|error)", re.IGNORECASE)
_HEAD = 1024
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


class RefusedError(ValueError):
    """A reason not to read any further; `line` is where, 0 where it is about all of it."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


class Screen:
    """One text on its way in."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._head = b""
        self._size = 0
        self._lines = 1
        self._line = 0

    def pass_on(self, data: bytes) -> str:
        """Return the next octets as text; RefusedError where there can be no list in them."""
        self._size += len(data)
        if self._size > MAX_BYTES:
            raise RefusedError(f"is larger than {MAX_BYTES >> 20} MiB")
        self._look_at_head(data)
        if control := _CONTROL.search(data):
            line = self._lines + data.count(b"\n", 0, control.start())
            raise RefusedError(f"is not text: octet {control[0][0]:#04x}", line)
        text = self._decode(data)
        self._measure(data)
        return text

    def finish(self) -> None:
        """Say that this was all."""
        self._decode(b"", final=True)
        if not self._size:
            raise RefusedError("is empty")

    def _look_at_head(self, data: bytes) -> None:
        if len(self._head) >= _HEAD:
            return
        self._head += data[:_HEAD]
        for signature, what in _SIGNATURES.items():
            if self._head.startswith(signature):
                raise RefusedError(f"is {what}, not a list as text")
        if _MARKUP.match(self._head):
            raise RefusedError("refused: this is HTML or XML, not a list", 1)

    def _decode(self, data: bytes, *, final: bool = False) -> str:
        try:
            return self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            line = self._lines + error.object.count(b"\n", 0, error.start)
            octet = error.object[error.start]
            raise RefusedError(f"is not UTF-8 text: {error.reason} {octet:#04x}", line) from None

    def _measure(self, data: bytes) -> None:
        self._lines += data.count(b"\n")
        if self._lines > MAX_LINES:
            raise RefusedError(f"has more than {MAX_LINES:,} lines")
        start = -self._line
        while (end := data.find(b"\n", max(start, 0))) >= 0:
            self._check_line(end - start)
            start = end + 1
            jump = data.rfind(b"\n", start, start + MAX_LINE)
            start = jump + 1 if jump >= 0 else start
        self._line = len(data) - start
        self._check_line(self._line)

    def _check_line(self, size: int) -> None:
        if size > MAX_LINE:
            raise RefusedError(f"has a line of more than {MAX_LINE >> 10} KiB", self._lines)
