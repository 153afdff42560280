"""The case of letters in a question: chosen at random towards upstreams, whose echo then proves more ("0x20").

Names compare without regard to case (RFC 4343), and a responder repeats the question as it came: each letter is one
more bit that whoever forges an answer has to guess.
"""

from typing import Final

_CASE_BITS: Final = bytes(0x20 if chr(octet).isalpha() and octet < 0x80 else 0 for octet in range(256))  # noqa: PLR2004 - ASCII
_TAIL: Final = 4
_TAIL_BITS: Final = 8 * _TAIL
_HEADER_SIZE: Final = 12
_RESPONSE_BIT: Final = 0x80


def scramble(question: bytes, noise: bytes) -> bytes:
    """Return a question with the case of each letter flipped or not, by noise of the same length."""
    letters = int.from_bytes(question[:-_TAIL].translate(_CASE_BITS)) << _TAIL_BITS
    return (int.from_bytes(question) ^ int.from_bytes(noise) & letters).to_bytes(len(question))


def lower(question: bytes) -> bytes:
    """Return a question in small letters; its type and class, which may look like letters, stay."""
    return question[:-_TAIL].lower() + question[-_TAIL:]


def answers_but_for_case(message: bytes, question: bytes) -> bool:
    """Whether a message is a response that repeats the question, in whatever letters."""
    echo = message[_HEADER_SIZE : _HEADER_SIZE + len(question)]
    return len(echo) == len(question) and lower(echo) == lower(question) and message[2] & _RESPONSE_BIT != 0
