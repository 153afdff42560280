"""Reads which signs of apps there are, from the package's own data."""

from functools import cache
from importlib import resources

from dnsfilter.evidence.signs import Sign, parse_signs

FILE_NAME = "signs.yaml"


@cache
def load_signs() -> tuple[Sign, ...]:
    """Return all signs."""
    return parse_signs(resources.files("dnsfilter.evidence").joinpath(FILE_NAME).read_text(encoding="utf-8"), FILE_NAME)
