"""The server names of a TLS ClientHello, as the first octets of a connection hold them (RFC 8446 sections 4 and 5)."""

from collections.abc import Iterator

from dnsfilter.errors import WireError

MAX_HELLO = 65_536

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_SERVER_NAME, _HOST_NAME = 0, 0


def may_be_hello(data: bytes) -> bool:
    """Whether a stream that begins like this is TLS: a record of handshake messages."""
    return data[:2] == b"\x16\x03"[: len(data)]


def read_hello(data: bytes) -> list[str] | None:
    """Return the server names of the ClientHello at the start of a stream, None while it is not complete.

    WireError where the stream begins otherwise or the hello is malformed.
    """
    message = _read_records(data)
    if message[:1] not in (b"", bytes((_CLIENT_HELLO,))):
        raise WireError("the connection does not begin with a ClientHello")
    if len(message) < _MESSAGE_HEADER:
        return None
    length = int.from_bytes(message[1:_MESSAGE_HEADER])
    if length > MAX_HELLO:
        raise WireError(f"a ClientHello of {length} octets")
    if len(message) < _MESSAGE_HEADER + length:
        return None
    return read_server_names(message[_MESSAGE_HEADER : _MESSAGE_HEADER + length])


def read_server_names(hello: bytes) -> list[str]:
    """Return the server names of a ClientHello without its message header; WireError where it is malformed."""
    reader = _Reader(hello)
    reader.take(2 + 32)  # legacy version, random
    for size in (1, 2, 1):  # session id, cipher suites, compression methods
        reader.take(int.from_bytes(reader.take(size)))
    if reader.is_at_end:
        return []
    extensions = _Reader(reader.take(int.from_bytes(reader.take(2))))
    names: list[str] = []
    while not extensions.is_at_end:
        kind = int.from_bytes(extensions.take(2))
        body = extensions.take(int.from_bytes(extensions.take(2)))
        if kind == _SERVER_NAME:
            names += _read_list(_Reader(body))
    return names


def _read_list(body: "_Reader") -> Iterator[str]:
    """Yield the host names of a server_name extension (RFC 6066 section 3)."""
    entries = _Reader(body.take(int.from_bytes(body.take(2))))
    while not entries.is_at_end:
        kind = int.from_bytes(entries.take(1))
        name = entries.take(int.from_bytes(entries.take(2)))
        if kind == _HOST_NAME:
            yield name.decode("utf-8", "replace")


def _read_records(data: bytes) -> bytes:
    """Return the handshake octets of the records that are here."""
    message, offset = b"", 0
    while offset + _RECORD_HEADER <= len(data):
        if data[offset] != _HANDSHAKE:
            raise WireError("the connection does not begin with a ClientHello")
        end = offset + _RECORD_HEADER + int.from_bytes(data[offset + 3 : offset + _RECORD_HEADER])
        message += data[offset + _RECORD_HEADER : end]
        offset = end
    return message


class _Reader:
    """Takes octets from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @property
    def is_at_end(self) -> bool:
        return self._offset == len(self._data)

    def take(self, size: int) -> bytes:
        taken = self._data[self._offset : self._offset + size]
        if len(taken) != size:
            raise WireError("the ClientHello ends inside a field")
        self._offset += size
        return taken
