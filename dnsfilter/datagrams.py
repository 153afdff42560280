"""Datagrams by the batch: recvmmsg(2) and sendmmsg(2) on memory that is allocated once.

The only file that knows these calls and their structures (Linux, 64 bit). One anonymous mapping holds per datagram a
slot for its octets, its peer's address, its I/O vector and its header; slicing the mapping gives bytes.
"""

import ctypes
import errno
import mmap
import socket
import struct

SLOT_SIZE = 2048
SLOT_STRIDE = SLOT_SIZE + 64
"""Slots a cache line off the power of two, or all of them would contend for the same few lines of the cache."""

BATCH_SIZE = 64

_HEADER = struct.Struct("=QIxxxxQQQQixxxxIxxxx")
"""struct mmsghdr: name, name length, vector, vector count, control, control length, flags; then the message length."""

_VECTOR = struct.Struct("=QQ")
_NAME_SIZE = 32
_LENGTH_INDEX = 14
"""Where in a header, counted in 32-bit words, the length of the message stands."""

_NAME_LENGTHS: dict[int, int] = {socket.AF_INET: 16, socket.AF_INET6: 28}

_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg = _libc.recvmmsg
_recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
_sendmmsg = _libc.sendmmsg
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]


class _Batch:
    """Memory for `BATCH_SIZE` datagrams; `starts` and `names` say where in `memory` each one's octets and peer are."""

    def __init__(self, family: int | None) -> None:
        vectors = BATCH_SIZE * SLOT_STRIDE
        names = vectors + BATCH_SIZE * _VECTOR.size
        self.headers = names + BATCH_SIZE * _NAME_SIZE
        self.memory = mmap.mmap(-1, self.headers + BATCH_SIZE * _HEADER.size)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.starts = [index * SLOT_STRIDE for index in range(BATCH_SIZE)]
        self.names = [names + index * _NAME_SIZE for index in range(BATCH_SIZE)]
        name_length = _NAME_LENGTHS[family] if family else 0
        for index in range(BATCH_SIZE):
            vector = vectors + index * _VECTOR.size
            _VECTOR.pack_into(self.memory, vector, self.address + self.starts[index], SLOT_SIZE)
            name = self.address + self.names[index] if name_length else 0
            header = self.headers + index * _HEADER.size
            _HEADER.pack_into(self.memory, header, name, name_length, self.address + vector, 1, 0, 0, 0, 0)
        view = memoryview(self.memory)
        self.vector_lengths = view[vectors:names].cast("Q")[1::2]
        self.received_lengths = view[self.headers :].cast("I")[_LENGTH_INDEX :: _HEADER.size // 4]


class Inbox(_Batch):
    """Receives datagrams and answers each in the slot it came in, with its ID untouched.

    To answer datagram `index`, write into its slot and set `reply_lengths[index]`; then `reply`.
    """

    def __init__(self, descriptor: int, family: int | None) -> None:
        super().__init__(family)
        self.descriptor = descriptor
        self._replies = _Batch(family)
        self.reply_lengths = self._replies.vector_lengths
        self._reply_headers = self._address_replies(family)
        self._pristine = b"".join(self._reply_headers)
        self._is_pristine = False

    def receive(self) -> list[int]:
        """Return the lengths of the datagrams received, none where there are none; OSError as recvmmsg(2)."""
        count = _recvmmsg(self.descriptor, self.address + self.headers, BATCH_SIZE, socket.MSG_DONTWAIT, None)
        if count < 0:
            return []
        lengths: list[int] = self.received_lengths[:count].tolist()
        return lengths

    def reply(self, count: int) -> int:
        """Send the replies to the first `count` datagrams; return how many the kernel did not take."""
        headers = self._replies.headers
        if not self._is_pristine:
            self._replies.memory[headers : headers + len(self._pristine)] = self._pristine
            self._is_pristine = True
        return _send(self.descriptor, self._replies.address + headers, count)

    def reply_to(self, indexes: list[int]) -> int:
        """Send the replies to these datagrams only."""
        headers = self._replies.headers
        chosen = b"".join([self._reply_headers[index] for index in indexes])
        self._replies.memory[headers : headers + len(chosen)] = chosen
        self._is_pristine = False
        return _send(self.descriptor, self._replies.address + headers, len(indexes))

    def _address_replies(self, family: int | None) -> list[bytes]:
        """Let the reply headers point at the names of what was received, and their vectors at its slots."""
        replies, headers = self._replies, []
        vectors = BATCH_SIZE * SLOT_STRIDE
        for index in range(BATCH_SIZE):
            vector = vectors + index * _VECTOR.size
            _VECTOR.pack_into(replies.memory, vector, self.address + self.starts[index], 0)
            name = self.address + self.names[index] if family else 0
            length = _NAME_LENGTHS[family] if family else 0
            headers.append(_HEADER.pack(name, length, replies.address + vector, 1, 0, 0, 0, 0))
        return headers


class Outbox(_Batch):
    """Collects datagrams and sends them by the batch; counts what the kernel did not take."""

    def __init__(self, descriptor: int, family: int | None) -> None:
        super().__init__(family)
        self.descriptor = descriptor
        self._count = 0
        self.lost = 0

    def push(self, peer: bytes, datagram: bytes) -> None:
        """Add a datagram of at most `SLOT_SIZE` octets, to a peer (sockaddr), empty on a connected socket."""
        index = self._count
        start, size = self.starts[index], len(datagram)
        self.memory[start : start + size] = datagram
        self.vector_lengths[index] = size
        if peer:
            name = self.names[index]
            self.memory[name : name + len(peer)] = peer
        self._count = index + 1
        if self._count == BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Send what was collected."""
        if self._count:
            self.lost += _send(self.descriptor, self.address + self.headers, self._count)
            self._count = 0


def _send(descriptor: int, headers: int, count: int) -> int:
    """Send a batch; skip a datagram that cannot be sent, give up when the socket is full; return how many were lost."""
    done = lost = 0
    while done < count:
        sent = _sendmmsg(descriptor, headers + done * _HEADER.size, count - done, socket.MSG_DONTWAIT)
        if sent > 0:
            done += sent
        elif ctypes.get_errno() in (errno.EAGAIN, errno.ENOBUFS):
            return lost + count - done
        else:
            done += 1
            lost += 1
    return lost
