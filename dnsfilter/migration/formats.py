"""Whose configuration it is -> who reads it."""

from dnsfilter.migration import adguard, bind, dnsmasq, pihole, unbound
from dnsfilter.migration.converted import Converted

CONVERTERS = {
    "adguard": adguard.convert,
    "bind": bind.convert,
    "dnsmasq": dnsmasq.convert,
    "pihole": pihole.convert,
    "unbound": unbound.convert,
}


def convert(text: str, file: str, program: str) -> Converted:
    """Convert a program's configuration; InputError where it is not what it should be."""
    converted = Converted(file)
    CONVERTERS[program](text, converted)
    converted.losses.sort(key=lambda loss: loss.line)
    return converted
