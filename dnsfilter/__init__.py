"""dnsfilter: network-level enforcement of an app ban."""

from importlib.util import find_spec

__version__ = "0.1.0"


def is_compiled() -> bool:
    """Whether the query path became machine code when this was installed; otherwise the same does the same, slower."""
    found = find_spec("dnsfilter.resolver")
    return found is not None and str(found.origin).endswith(".so")
