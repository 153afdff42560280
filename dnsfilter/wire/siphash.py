"""SipHash-2-4 (Aumasson and Bernstein, 2012), with 8 octets of output: the keyed hash of server cookies (RFC 9018).

Python's own `hash` is a SipHash whose key nobody can choose, and no library that we need for anything else has it.
"""

import struct

KEY_SIZE = 16

_MASK = 0xFFFFFFFFFFFFFFFF
_INITIAL = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_WORD = struct.Struct("<Q")
_KEY = struct.Struct("<QQ")
_COMPRESSION_ROUNDS, _FINALIZATION_ROUNDS = 2, 4

_State = tuple[int, int, int, int]


def siphash24(key: bytes, message: bytes) -> bytes:
    """Return the hash of a message under a key of 16 octets."""
    first, second = _KEY.unpack(key)
    state = (_INITIAL[0] ^ first, _INITIAL[1] ^ second, _INITIAL[2] ^ first, _INITIAL[3] ^ second)
    size = len(message)
    padded = message + bytes(7 - size % 8) + bytes((size & 0xFF,))
    for (word,) in _WORD.iter_unpack(padded):
        v0, v1, v2, v3 = _mix(state[0], state[1], state[2], state[3] ^ word, _COMPRESSION_ROUNDS)
        state = (v0 ^ word, v1, v2, v3)
    v0, v1, v2, v3 = _mix(state[0], state[1], state[2] ^ 0xFF, state[3], _FINALIZATION_ROUNDS)
    return _WORD.pack(v0 ^ v1 ^ v2 ^ v3)


def _mix(v0: int, v1: int, v2: int, v3: int, rounds: int) -> _State:
    """Return the state after some SipRounds."""
    for _ in range(rounds):
        v0 = v0 + v1 & _MASK
        v2 = v2 + v3 & _MASK
        v1 = (v1 << 13 & _MASK | v1 >> 51) ^ v0
        v3 = (v3 << 16 & _MASK | v3 >> 48) ^ v2
        v0 = (v0 << 32 & _MASK | v0 >> 32) + v3 & _MASK
        v2 = v2 + v1 & _MASK
        v1 = (v1 << 17 & _MASK | v1 >> 47) ^ v2
        v3 = (v3 << 21 & _MASK | v3 >> 43) ^ v0
        v2 = v2 << 32 & _MASK | v2 >> 32
    return v0, v1, v2, v3
