"""Opens recordings, which may be larger than the memory: a file is mapped, what cannot be mapped is read."""

import mmap
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem
from dnsfilter.recording.formats import read_recording
from dnsfilter.recording.lookup import Lookups
from dnsfilter.values import DNS_PORT


def open_recording(path: Path, configuration: Configuration) -> Lookups:
    """Return the lookups of a recording; InputError where it cannot be read or is of no known format."""
    ports = {DNS_PORT, *(endpoint.port for endpoint in configuration.listen.dns)}
    try:
        data = memoryview(_map(path))
    except OSError as error:
        raise InputError([Problem(f"cannot be read: {error.strerror}", str(path))]) from None
    return read_recording(data, str(path), ports)


def _map(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError):  # empty, or a pipe
            return file.read()
