"""dnstap: from frames to the lookups of clients (dnstap.info, dnstap.proto).

Reads what clients asked a resolver. Where a server was told to log only its responses, the questions in those count.
"""

from collections.abc import Iterable
from ipaddress import ip_address

from dnsfilter.errors import Problem, WireError
from dnsfilter.recording.lookup import Lookup, Lookups, check_time
from dnsfilter.recording.protobuf import read_fields
from dnsfilter.recording.question import read_question

_TYPE, _MESSAGE = 15, 14
_IS_MESSAGE = 1
_MESSAGE_TYPE, _QUERY_ADDRESS = 1, 4
_QUERY_SECONDS, _QUERY_NANOSECONDS, _QUERY = 8, 9, 10
_RESPONSE_SECONDS, _RESPONSE_NANOSECONDS, _RESPONSE = 12, 13, 14
_QUERIES, _RESPONSES = (5, 9, 11), (6, 10, 12)
"""What clients ask: as a server, a stub resolver and a tool record it."""


def read_dnstap(frames: Iterable[bytes | Problem], file: str) -> Lookups:
    """Yield what clients asked, in the order of the frames."""
    of_responses: list[Lookup] = []
    has_queries = False
    for number, frame in enumerate(frames, start=1):
        if isinstance(frame, Problem):
            yield frame
            continue
        try:
            kind, lookup = _read_frame(frame)
        except (WireError, ValueError) as error:
            yield Problem(str(error), file, key=f"frame {number}")
            continue
        if lookup and kind in _QUERIES:
            has_queries = True
            yield lookup
        elif lookup and not has_queries:
            of_responses.append(lookup)
    if not has_queries:
        yield from of_responses


def _read_frame(frame: bytes) -> tuple[int, Lookup | None]:
    """Return the type of a message and what a client asks by it; WireError or ValueError where it is malformed."""
    outer = read_fields(frame)
    message = outer.get(_MESSAGE)
    if outer.get(_TYPE) != _IS_MESSAGE or not isinstance(message, bytes):
        return 0, None
    fields = read_fields(message)
    kind = _number(fields, _MESSAGE_TYPE)
    is_response = kind in _RESPONSES
    if not is_response and kind not in _QUERIES:
        return kind, None
    name = read_question(_octets(fields, _RESPONSE if is_response else _QUERY), of_response=is_response)
    client = str(ip_address(_octets(fields, _QUERY_ADDRESS)))
    return kind, Lookup(check_time(_time(fields, is_response=is_response)), client, name) if name else None


def _time(fields: dict[int, int | bytes], *, is_response: bool) -> float:
    if is_response and _QUERY_SECONDS not in fields:
        return _number(fields, _RESPONSE_SECONDS) + _number(fields, _RESPONSE_NANOSECONDS) / 1e9
    return _number(fields, _QUERY_SECONDS) + _number(fields, _QUERY_NANOSECONDS) / 1e9


def _number(fields: dict[int, int | bytes], field: int) -> int:
    value = fields.get(field, 0)
    if not isinstance(value, int):
        raise WireError(f"field {field} is not a number")
    return value


def _octets(fields: dict[int, int | bytes], field: int) -> bytes:
    value = fields.get(field)
    if not isinstance(value, bytes):
        raise WireError(f"has no field {field}, or not as octets")
    return value
