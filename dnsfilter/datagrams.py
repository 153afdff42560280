"""Datagrams by the batch: recvmmsg(2) and sendmmsg(2) on memory that is allocated once.

The only file that knows these calls and their structures (Linux, 64 bit). One anonymous mapping holds per datagram a
slot for its octets and its peer's address; slicing the mapping gives bytes. Datagrams of one length to one peer leave
as a train: the kernel carries them down its stack as one and parts them at the end (UDP_SEGMENT in udp(7)).
"""

import ctypes
import errno
import mmap
import socket
import struct
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

SLOT_SIZE: Final = 2048
SLOT_STRIDE: Final = SLOT_SIZE + 64
"""Slots a cache line off the power of two, or all of them would contend for the same few lines of the cache."""

BATCH_SIZE: Final = 64

MAX_SEGMENT: Final = 1000
"""The longest datagram that travels by train: a batch of them is still no longer than a datagram may be."""

FEW: Final = 4
"""Batches of fewer datagrams are not worth a look at who travels with whom."""

CROWD: Final = 3
"""How many responses a peer must have in a batch, on average, for trains to cost less than they save (measured)."""

TRAIN_PAUSE: Final = 1000
"""For how many batches no train leaves after the kernel refused one: no checksum offload, IPsec, a small MTU."""

_HEADER: Final = struct.Struct("=QIxxxxQQQQixxxxIxxxx")
"""struct mmsghdr: name, name length, vector, vector count, control, control length, flags; then the message length."""

_VECTOR: Final = struct.Struct("=QQ")
_CONTROL: Final = struct.Struct("=QiiHxxxxxx")
"""struct cmsghdr, and the length of a segment behind it."""

_CONTROL_LENGTH: Final = 18
_UDP_SEGMENT: Final = 103
_NAME_SIZE: Final = 32
_LENGTH_INDEX: Final = 14
"""Where in a header, counted in 32-bit words, the length of the message stands."""

_NAME_LENGTHS: Final[dict[int | None, int]] = {None: 0, socket.AF_INET: 16, socket.AF_INET6: 28}
_PEERS: Final[dict[int | None, str]] = {socket.AF_INET: "2x6s24x", socket.AF_INET6: "2x26s4x"}
_ADDRESSES: Final[dict[int | None, str]] = {socket.AF_INET: "4x4s24x", socket.AF_INET6: "8x16s8x"}
_SOCKADDR_IN: Final = struct.Struct("=HH4s8x")
_SOCKADDR_IN6: Final = struct.Struct("=HHI16sI")

_DONTWAIT: Final = int(socket.MSG_DONTWAIT)
_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})

_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg: Final = _libc.recvmmsg
_recvmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
_sendmmsg: Final = _libc.sendmmsg
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]

Train = tuple[int, Sequence[int]]
"""The length of datagrams to one peer, and their slots."""


def _knows_trains() -> bool:
    """Whether this kernel takes trains: an older one would send a train as one long datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT)
        except OSError:
            return False
    return True


KNOWS_TRAINS = _knows_trains()


def pack_sockaddr(family: int, host: str, port: int, flow: int = 0, scope: int = 0) -> bytes:
    """Return a socket's peer as the kernel writes it."""
    address = socket.inet_pton(family, host)
    if family == socket.AF_INET:
        return _SOCKADDR_IN.pack(family, socket.htons(port), address)
    return _SOCKADDR_IN6.pack(family, socket.htons(port), socket.htonl(flow), address, scope)


class _Memory:
    """An anonymous mapping and its address."""

    def __init__(self, size: int) -> None:
        self.memory = mmap.mmap(-1, size)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))


def _write_controls() -> _Memory:
    """Write for every length of a segment the control message that announces it."""
    controls = _Memory((MAX_SEGMENT + 1) * _CONTROL.size)
    for length in range(MAX_SEGMENT + 1):
        where = length * _CONTROL.size
        _CONTROL.pack_into(controls.memory, where, _CONTROL_LENGTH, socket.IPPROTO_UDP, _UDP_SEGMENT, length)
    return controls


_controls: Final = _write_controls()


class _Slots(_Memory):
    """Room for `BATCH_SIZE` datagrams; `starts` and `names` say where in `memory` each one's octets and peer are."""

    def __init__(self, family: int | None) -> None:
        names = BATCH_SIZE * SLOT_STRIDE
        super().__init__(names + BATCH_SIZE * _NAME_SIZE)
        self.starts = [index * SLOT_STRIDE for index in range(BATCH_SIZE)]
        self.names = [names + index * _NAME_SIZE for index in range(BATCH_SIZE)]
        self.name_length = _NAME_LENGTHS[family]

    def make_header(self, index: int, vector: int, count: int = 1, control: int = 0) -> bytes:
        """Make the header of a message of `count` vectors to the peer of a slot."""
        peer = self.address + self.names[index] if self.name_length else 0
        control_length = _CONTROL.size if control else 0
        return _HEADER.pack(peer, self.name_length, vector, count, control, control_length, 0, 0)


class _Tables(_Memory):
    """Headers and I/O vectors for `BATCH_SIZE` datagrams."""

    def __init__(self) -> None:
        vectors = BATCH_SIZE * _HEADER.size
        super().__init__(vectors + BATCH_SIZE * _VECTOR.size)
        self.vectors = self.address + vectors
        view = memoryview(self.memory)
        self.vector_words = view[vectors:].cast("Q")
        self.vector_lengths = self.vector_words[1::2]
        self.received_lengths = view[:vectors].cast("I")[_LENGTH_INDEX :: _HEADER.size // 4]

    def write_headers(self, headers: bytes) -> None:
        """Replace the first headers."""
        self.memory[: len(headers)] = headers

    def point_at(self, slots: _Slots, size: int) -> list[bytes]:
        """Let a header and a vector stand for each slot, as for a datagram of `size` octets; return the headers."""
        headers = []
        for index, start in enumerate(slots.starts):
            self.vector_words[2 * index] = slots.address + start
            self.vector_lengths[index] = size
            headers.append(slots.make_header(index, self.vectors + index * _VECTOR.size))
        self.write_headers(b"".join(headers))
        return headers


class _Sender:
    """Sends what stands in slots, each to the peer beside it."""

    def __init__(self, slots: _Slots) -> None:
        self._slots = slots
        self._singles, self._trains = _Tables(), _Tables()
        self._headers = self._singles.point_at(slots, 0)
        self._pristine = b"".join(self._headers)
        self._is_pristine = True
        self._pause = 0

    def send(self, descriptor: int, peers: Sequence[bytes], sizes: Sequence[int]) -> int:
        """Send the first slots, as many octets as `sizes` says, 0 for none; return how many the kernel did not take."""
        if self._pause:
            self._pause -= 1
        elif KNOWS_TRAINS and CROWD * len(set(peers)) <= len(sizes):
            return self._send_trains(descriptor, list(_couple(peers, sizes)))
        return self.send_singly(descriptor, sizes)

    def _send_trains(self, descriptor: int, trains: list[Train]) -> int:
        """Send by train; where the kernel refuses one, that and the following singly."""
        slots, tables = self._slots, self._trains
        starts, address, vector = slots.starts, slots.address, tables.vectors
        words: list[int] = []
        headers: list[bytes] = []
        for size, indexes in trains:
            control = _controls.address + size * _CONTROL.size if len(indexes) > 1 else 0
            headers.append(slots.make_header(indexes[0], vector, len(indexes), control))
            vector += len(indexes) * _VECTOR.size
            for index in indexes:
                words += (address + starts[index], size)
        tables.write_headers(b"".join(headers))
        tables.vector_words[: len(words)] = memoryview(array("Q", words))
        sent = _push(descriptor, tables.address, len(trains))
        if sent == len(trains):
            return 0
        left = [(size, index) for size, indexes in trains[sent:] for index in indexes]
        if ctypes.get_errno() in _FULL:
            return len(left)
        self._pause = TRAIN_PAUSE
        sizes = [0] * BATCH_SIZE
        for size, index in left:
            sizes[index] = size
        return self.send_singly(descriptor, sizes)

    def send_singly(self, descriptor: int, sizes: Sequence[int]) -> int:
        """Send as `send` does, but no trains."""
        tables, count = self._singles, len(sizes)
        if count == 1:
            tables.vector_lengths[0] = sizes[0]
        else:
            tables.vector_lengths[:count] = memoryview(array("Q", sizes))
        if all(sizes):
            if not self._is_pristine:
                tables.write_headers(self._pristine)
                self._is_pristine = True
        else:
            chosen = [header for header, size in zip(self._headers, sizes, strict=False) if size]
            tables.write_headers(b"".join(chosen))
            self._is_pristine, count = False, len(chosen)
        return _push_all(descriptor, tables.address, count)


class Inbox(_Slots):
    """Receives datagrams and answers each in the slot it came in, with its ID untouched."""

    def __init__(self, descriptor: int, family: int | None) -> None:
        super().__init__(family)
        self.descriptor = descriptor
        self._tables = _Tables()
        self._tables.point_at(self, SLOT_SIZE)
        self._sender = _Sender(self)
        formats = (_PEERS.get(family, ""), _ADDRESSES.get(family, ""))
        self._peers, self._addresses = ([struct.Struct(each * n) for n in range(BATCH_SIZE + 1)] for each in formats)

    def receive(self) -> list[int]:
        """Return the lengths of the datagrams received, none where there are none or the socket is broken."""
        tables = self._tables
        count = _recvmmsg(self.descriptor, tables.address, BATCH_SIZE, _DONTWAIT, None)
        if count < 0:
            return []
        lengths: list[int] = tables.received_lengths[:count].tolist()
        return lengths

    def read_addresses(self, count: int) -> tuple[bytes, ...]:
        """Return the addresses, without ports, of the peers of the first datagrams."""
        return self._addresses[count].unpack_from(self.memory, self.names[0])

    def read_peer(self, index: int) -> bytes:
        """Return the peer of a datagram (sockaddr)."""
        name = self.names[index]
        return self.memory[name : name + self.name_length]

    def reply(self, sizes: Sequence[int]) -> int:
        """Send what stands in the first slots, as many octets as `sizes` says, 0 for none; return how many got lost."""
        return self._sender.send(
            self.descriptor, self._peers[len(sizes)].unpack_from(self.memory, self.names[0]), sizes
        )


class Outbox(_Slots):
    """Collects datagrams and sends them by the batch; counts what the kernel did not take."""

    def __init__(self, descriptor: int, family: int | None) -> None:
        super().__init__(family)
        self.descriptor = descriptor
        self._sender = _Sender(self)
        self._peers: list[bytes] = []
        self._sizes: list[int] = []
        self.lost = 0

    def push(self, peer: bytes, datagram: bytes) -> None:
        """Add a datagram of at most `SLOT_SIZE` octets, to a peer (sockaddr), empty on a connected socket."""
        index = len(self._sizes)
        start, size = self.starts[index], len(datagram)
        self.memory[start : start + size] = datagram
        if peer:
            name = self.names[index]
            self.memory[name : name + len(peer)] = peer
        self._peers.append(peer)
        self._sizes.append(size)
        if index + 1 == BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Send what was collected."""
        if self._sizes:
            self.lost += self._sender.send(self.descriptor, self._peers, self._sizes)
            self._peers, self._sizes = [], []


def _couple(peers: Sequence[bytes], sizes: Sequence[int]) -> Iterator[Train]:
    """Put datagrams of one length to one peer into one train; long ones go alone."""
    trains: defaultdict[tuple[bytes, int], list[int]] = defaultdict(list)
    for index, train in enumerate(zip(peers, sizes, strict=True)):
        trains[train].append(index)
    for (_, size), indexes in trains.items():
        if size > MAX_SEGMENT:
            yield from ((size, [index]) for index in indexes)
        elif size:
            yield size, indexes


def _push(descriptor: int, headers: int, count: int) -> int:
    """Send messages until one is not taken, and errno tells why; return how many were."""
    done: int = _sendmmsg(descriptor, headers, count, _DONTWAIT)
    if done in {count, -1}:
        return max(done, 0)
    return done + _push(descriptor, headers + done * _HEADER.size, count - done)


def _push_all(descriptor: int, headers: int, count: int) -> int:
    """Send messages; skip one that cannot be sent, give up when the socket is full; return how many were lost."""
    done, lost = _push(descriptor, headers, count), 0
    while done < count:
        if ctypes.get_errno() in _FULL:
            return lost + count - done
        lost += 1
        done += 1
        done += _push(descriptor, headers + done * _HEADER.size, count - done)
    return lost
