"""Which driver a store's URL needs, and whether it is there; so that this is known before anything runs."""

from importlib import import_module

from dnsfilter.errors import StoreError

POSTGRESQL = "postgresql"
DRIVER = "psycopg"
"""What `postgresql://` means; another driver has to be named: `postgresql+psycopg2://`."""


def with_driver(url: str) -> str:
    """Return a URL that names its driver."""
    return url.replace(f"{POSTGRESQL}://", f"{POSTGRESQL}+{DRIVER}://", 1) if url.startswith(POSTGRESQL) else url


def check_driver(url: str) -> None:
    """Raise StoreError where the driver cannot be loaded that a URL needs; SQLite's is always there."""
    backend, _, driver = with_driver(url).partition("://")[0].partition("+")
    if backend != POSTGRESQL:
        return
    try:
        import_module(driver)
    except ImportError as error:
        hint = ": pip install 'dnsfilter[postgresql]'" if driver == DRIVER else ""
        raise StoreError(f"the driver {driver} cannot be loaded ({str(error).splitlines()[0]}){hint}") from None
