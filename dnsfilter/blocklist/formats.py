"""Text of a blocklist -> what it says, by its syntax. Every parser is pure and raises InputError and nothing else."""

from dnsfilter.blocklist.adblock import ADBLOCK
from dnsfilter.blocklist.catalogue import parse_catalogue
from dnsfilter.blocklist.dnsmasq import DNSMASQ
from dnsfilter.blocklist.domains import DOMAINS, HOSTS
from dnsfilter.blocklist.lines import parse_lines
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.blocklist.rpz import parse_rpz
from dnsfilter.model import ListFormat
from dnsfilter.settings.order import Blocklist

_LINE_SYNTAXES = {
    ListFormat.DOMAINS: DOMAINS,
    ListFormat.HOSTS: HOSTS,
    ListFormat.ADBLOCK: ADBLOCK,
    ListFormat.DNSMASQ: DNSMASQ,
}


def parse_list(text: str, file: str, blocklist: Blocklist) -> ParsedList:
    """Parse the text of a list in the syntax the configuration gives; `file` is how problems name the text."""
    match blocklist.syntax:
        case ListFormat.CATALOGUE:
            return parse_catalogue(text, file, blocklist)
        case ListFormat.RPZ:
            return parse_rpz(text, file, blocklist)
        case syntax:
            return parse_lines(text, file, _LINE_SYNTAXES[syntax])
