"""Which of the recordings a file is, told by its first octets, and its lookups."""

from collections.abc import Collection

from dnsfilter.errors import InputError, Problem
from dnsfilter.recording.capture import PCAP_MAGICS, PCAPNG_MAGIC, read_packets
from dnsfilter.recording.dnstap import read_dnstap
from dnsfilter.recording.frames import START_OF_FILE, read_frames
from dnsfilter.recording.lookup import Lookups
from dnsfilter.recording.table import parse_table
from dnsfilter.recording.traffic import Traffic


def read_recording(data: memoryview, file: str, ports: Collection[int]) -> Lookups:
    """Return the lookups of a recording; `ports` are those of DNS servers. InputError for no known format."""
    start = bytes(data[:4])
    if start in PCAP_MAGICS or start == PCAPNG_MAGIC:
        return Traffic(file, ports).read(read_packets(data, file))
    if start == START_OF_FILE:
        return read_dnstap(read_frames(data, file), file)
    return parse_table(_decode(data, file), file)


def _decode(data: memoryview, file: str) -> str:
    octets = bytes(data)
    if b"\0" in octets:
        raise InputError([Problem("is neither CSV, pcap, pcapng nor dnstap", file)])
    return octets.decode("utf-8", "replace")
