"""Messages in a stream: two octets of length before each (RFC 1035 section 4.2.2, RFC 7766 section 8)."""

import struct

LENGTH = struct.Struct("!H")
MAX_MESSAGE = 65_535


def frame(message: bytes) -> bytes:
    """Return a message with its length in front."""
    return LENGTH.pack(len(message)) + message


def is_whole(data: bytes) -> bool:
    """Whether a stream's first octets hold a whole message."""
    return len(data) >= LENGTH.size and len(data) - LENGTH.size >= LENGTH.unpack_from(data)[0]


class Deframer:
    """Cuts a stream into messages, however its octets arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete with `data`."""
        buffer = self._buffer
        buffer += data
        messages, offset = [], 0
        while offset + LENGTH.size <= len(buffer):
            end = offset + LENGTH.size + LENGTH.unpack_from(buffer, offset)[0]
            if end > len(buffer):
                break
            messages.append(bytes(buffer[offset + LENGTH.size : end]))
            offset = end
        del buffer[:offset]
        return messages
