"""HTTP/2 (RFC 9113) through libnghttp2: the calls of the C library that we use, by their own names.

The one file that knows ctypes for it. What connections mean by the calls is in `http2`.
"""

import ctypes
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_int32, c_size_t, c_ssize_t, c_uint8, c_uint32, c_void_p, py_object
from functools import lru_cache
from typing import Any, Protocol

from dnsfilter.errors import InputError, Problem
from dnsfilter.server.requests import Fields

FILE_NAME = "libnghttp2.so.14"
PACKAGE = "libnghttp2-14"

CALLBACK_FAILURE = -902
"""What a callback returns to end the connection."""

DATA, HEADERS, GOAWAY = 0, 1, 7
END_STREAM = 0x1

_MAX_CONCURRENT_STREAMS, _MAX_HEADER_LIST_SIZE = 3, 6
_TYPE_OFFSET = 3
"""Where in a frame its type stands (RFC 9113 section 4.1)."""

_END_OF_DATA = b"\1\0\0\0"


class FrameHeader(ctypes.Structure):
    """What every frame begins with (nghttp2_frame_hd)."""

    _fields_ = (
        ("length", c_size_t),
        ("stream_id", c_int32),
        ("type", c_uint8),
        ("flags", c_uint8),
        ("reserved", c_uint8),
    )


class _Field(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p),
        ("value", c_char_p),
        ("namelen", c_size_t),
        ("valuelen", c_size_t),
        ("flags", c_uint8),
    )


class _Setting(ctypes.Structure):
    _fields_ = (("settings_id", c_int32), ("value", c_uint32))


_OnFrame = ctypes.CFUNCTYPE(c_int, c_void_p, ctypes.POINTER(FrameHeader), py_object)
_OnBegin = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, py_object)
_OnHeader = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_uint8, py_object)
_OnChunk = ctypes.CFUNCTYPE(c_int, c_void_p, c_uint8, c_int32, c_void_p, c_size_t, py_object)
_OnClose = ctypes.CFUNCTYPE(c_int, c_void_p, c_int32, c_uint32, py_object)
_Read = ctypes.CFUNCTYPE(c_ssize_t, c_void_p, c_int32, c_void_p, c_size_t, c_void_p, c_void_p, py_object)


class _DataProvider(ctypes.Structure):
    _fields_ = (("source", c_void_p), ("read_callback", _Read))


class Events(Protocol):
    """What a session tells its owner; a method that returns CALLBACK_FAILURE ends the connection."""

    def on_begin_headers(self) -> int:
        """Take note that the fields of a stream begin."""

    def on_header(self, name: bytes, value: bytes) -> int:
        """Take a field."""

    def on_frame(self, header: FrameHeader) -> int:
        """Take note of a complete frame."""

    def on_chunk(self, stream: int, data: int, length: int) -> int:
        """Take octets of a body."""

    def on_close(self, stream: int, error: int) -> int:
        """Take note that a stream is over."""

    def read_body(self, stream: int, length: int) -> tuple[bytes, bool]:
        """Return at most `length` octets of a response's body, and whether they are the last."""


def _read(_s: int, stream: int, buffer: int, length: int, flags: int, _source: int, events: Events) -> int:
    body, is_last = events.read_body(stream, length)
    ctypes.memmove(buffer, body, len(body))
    if is_last:
        ctypes.memmove(flags, _END_OF_DATA, len(_END_OF_DATA))
    return len(body)


_CALLBACKS = {
    "begin_headers": _OnBegin(lambda _session, _frame, events: events.on_begin_headers()),
    "header": _OnHeader(  # the library ends both with NUL, and lets no NUL in
        lambda _session, _frame, name, _name_size, value, _size, _flags, events: events.on_header(name, value)
    ),
    "frame_recv": _OnFrame(lambda _session, header, events: events.on_frame(header[0])),
    "data_chunk_recv": _OnChunk(
        lambda _session, _flags, stream, data, length, events: events.on_chunk(stream, data, length)
    ),
    "stream_close": _OnClose(lambda _session, stream, error, events: events.on_close(stream, error)),
}
_PROVIDER = _DataProvider(None, _Read(_read))
_PROVIDER_ADDRESS = ctypes.addressof(_PROVIDER)
_PLACE = c_void_p()
_PLACE_ADDRESS = ctypes.addressof(_PLACE)


@lru_cache(1)
def load_library() -> Any:  # noqa: ANN401 - a library has the functions that it has
    """Return the library with its types declared; InputError where this machine has none."""
    try:
        library: Any = ctypes.CDLL(FILE_NAME)
    except OSError:
        raise InputError(
            [Problem(f"needs {FILE_NAME}, which is not here (package {PACKAGE})", key="listen.https")]
        ) from None
    _declare(library.nghttp2_session_mem_recv, c_ssize_t, c_void_p, c_char_p, c_size_t)
    _declare(library.nghttp2_session_mem_send, c_ssize_t, c_void_p, c_void_p)
    _declare(library.nghttp2_session_server_new, c_int, c_void_p, c_void_p, py_object)
    _declare(library.nghttp2_session_del, None, c_void_p)
    _declare(library.nghttp2_session_want_read, c_int, c_void_p)
    _declare(library.nghttp2_session_want_write, c_int, c_void_p)
    _declare(library.nghttp2_submit_settings, c_int, c_void_p, c_uint8, c_void_p, c_size_t)
    _declare(library.nghttp2_submit_response, c_int, c_void_p, c_int32, c_void_p, c_size_t, c_void_p)
    _declare(library.nghttp2_submit_rst_stream, c_int, c_void_p, c_uint8, c_int32, c_uint32)
    library.callbacks = _make_callbacks(library)
    return library


class Session:
    """One HTTP/2 connection of a server; `events` must live as long, and `close` must come last."""

    def __init__(self, events: Events, max_streams: int, max_fields: int) -> None:
        self._library = library = load_library()
        place = c_void_p()
        library.nghttp2_session_server_new(ctypes.byref(place), library.callbacks, events)
        self._session = place.value
        self._is_ending = False
        settings = (_Setting * 2)(
            _Setting(_MAX_CONCURRENT_STREAMS, max_streams), _Setting(_MAX_HEADER_LIST_SIZE, max_fields)
        )
        library.nghttp2_submit_settings(self._session, 0, settings, len(settings))
        self._receive: Callable[..., int] = library.nghttp2_session_mem_recv
        self._send: Callable[..., int] = library.nghttp2_session_mem_send

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of this connection, of which one side has said so."""
        library, session = self._library, self._session
        return self._is_ending and not (
            library.nghttp2_session_want_read(session) or library.nghttp2_session_want_write(session)
        )

    def receive(self, data: bytes) -> bool:
        """Take octets from the peer; False where the connection cannot go on."""
        return self._receive(self._session, data, len(data)) >= 0

    def take_output(self) -> bytes:
        """Return what is to be sent."""
        frames = []
        while (size := self._send(self._session, _PLACE_ADDRESS)) > 0:
            frame = ctypes.string_at(_PLACE.value or 0, size)
            frames.append(frame)
            self._is_ending = self._is_ending or frame[_TYPE_OFFSET] == GOAWAY
        return b"".join(frames)

    def respond(self, stream: int, status: int, fields: Fields, *, has_body: bool) -> None:
        """Send a response; its body will be read by `Events.read_body`."""
        array = _make_fields(status, fields)
        provider = _PROVIDER_ADDRESS if has_body else None
        self._library.nghttp2_submit_response(self._session, stream, array, len(array), provider)

    def expect_end(self) -> None:
        """Take note that the peer said that it will ask no more."""
        self._is_ending = True

    def stop(self, stream: int) -> None:
        """Tell the peer that the rest of its request is not wanted (RFC 9113 section 8.1)."""
        self._library.nghttp2_submit_rst_stream(self._session, 0, stream, 0)

    def close(self) -> None:
        """Give back the memory of the session."""
        if self._session:
            self._library.nghttp2_session_del(self._session)
        self._session = None


def _declare(function: Any, result: Any, *arguments: Any) -> None:  # noqa: ANN401 - types of ctypes
    function.restype, function.argtypes = result, arguments


def _make_callbacks(library: Any) -> c_void_p:  # noqa: ANN401 - see load_library
    callbacks = c_void_p()
    library.nghttp2_session_callbacks_new(ctypes.byref(callbacks))
    for name, callback in _CALLBACKS.items():
        getattr(library, f"nghttp2_session_callbacks_set_on_{name}_callback")(callbacks, callback)
    return callbacks


@lru_cache(1024)
def _make_fields(status: int, fields: Fields) -> Any:  # noqa: ANN401 - an array of ctypes
    every = ((b":status", b"%d" % status), *fields)
    return (_Field * len(every))(*[_Field(name, value, len(name), len(value), 0) for name, value in every])
