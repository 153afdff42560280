"""Times that commands take as options."""

import time

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem
from dnsfilter.policy.phases import to_timestamp
from dnsfilter.values import parse_moment


def read_moment(text: str | None, configuration: Configuration, key: str = "--at") -> float:
    """Return a date or time, now where there is none, in seconds since the epoch; InputError names the option."""
    if text is None:
        return time.time()
    try:
        return to_timestamp(parse_moment(text), configuration.timezone)
    except (ValueError, OverflowError) as error:
        raise InputError([Problem(f"{text!r} {error}", key=key)]) from None
