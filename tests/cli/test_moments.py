"""Times as options."""

import time

import pytest

from dnsfilter.cli.moments import read_moment
from dnsfilter.config import Configuration
from dnsfilter.errors import InputError

CONFIGURATION = Configuration(timezone="Europe/Brussels")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-02", 82_800.0), ("1970-01-02T00:00:00Z", 86_400.0), ("1970-01-02T00:00:00", 82_800.0)],
)
def test_moments(text: str, seconds: float) -> None:
    """A date is midnight, a time without an offset local, in the timezone of the configuration."""
    assert read_moment(text, CONFIGURATION) == seconds


def test_now() -> None:
    """Without a text it is now."""
    assert abs(read_moment(None, CONFIGURATION) - time.time()) < 5


@pytest.mark.parametrize("text", ["", "soon", "2023-02-30"])
def test_no_moment(text: str) -> None:
    """Anything else is an error that names the option and what was given."""
    with pytest.raises(InputError, match=f"--until: '{text}' is not a date"):
        read_moment(text, CONFIGURATION, "--until")
