"""What every recording comes down to: somebody wanted to reach a name at some time."""

from collections.abc import Iterator
from typing import NamedTuple

from dnsfilter.errors import Problem
from dnsfilter.model import Channel

MAX_TIME = 253_370_764_800.0
"""The year 9999."""


class Lookup(NamedTuple):
    """One client and one name; `time` is seconds since the epoch, `client` stands as in the recording.

    `name` is canonical; on the channel `ip` it is an address. `detail` is what else a proxy's log tells: the user agent
    of a request, or `pinned` where the client did not accept the proxy's certificate.
    """

    time: float
    client: str
    name: str
    channel: Channel = Channel.DNS
    detail: str = ""


Lookups = Iterator[Lookup | Problem]
"""What can be read of a recording, and in between what cannot."""


def check_time(seconds: float) -> float:
    """Return a time that a calendar has; ValueError otherwise."""
    if not 0 <= seconds < MAX_TIME:
        raise ValueError(f"{seconds:.0f} seconds since 1970 is not a time to be recorded at")
    return seconds
