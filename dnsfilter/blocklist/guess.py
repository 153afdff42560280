"""The syntax of a list that nobody has named: the one that reads most of how it begins."""

from dnsfilter.blocklist.formats import parse_list
from dnsfilter.errors import InputError
from dnsfilter.model import ListFormat
from dnsfilter.settings.order import Blocklist

SAMPLE = 1 << 16
"""How many characters of a list are looked at."""

_BY_LINE = [syntax for syntax in ListFormat if syntax is not ListFormat.CATALOGUE]


def guess_format(text: str, file: str) -> ListFormat:
    """Return the most likely syntax of a text; `file` is its name, whose ending tells a catalogue."""
    if file.endswith((".yaml", ".yml")):
        return ListFormat.CATALOGUE
    sample = text[:SAMPLE]
    if len(text) > SAMPLE:
        sample = sample.rpartition("\n")[0]
    return max(_BY_LINE, key=lambda syntax: _rate(sample, syntax))


def _rate(sample: str, syntax: ListFormat) -> float:
    """Return how many more names and rules than mistakes a syntax finds."""
    try:
        parsed = parse_list(sample, "", Blocklist(name="sample", file="sample", format=syntax))
    except InputError:
        return float("-inf")
    return sum(map(len, parsed.names.values())) + len(parsed.rules) - len(parsed.problems)
