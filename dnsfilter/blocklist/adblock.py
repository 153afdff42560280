"""Adblock syntax, as far as it is about names: `||name^` and `@@||name^`.

Everything else (modifiers, cosmetic rules, paths, regular expressions, wildcards) is refused by its name, because half
of its meaning would be lost.
"""

import re
from collections.abc import Iterator

from dnsfilter.blocklist.lines import NAME, NOT_TOO_LONG, Syntax, quote, read_name
from dnsfilter.blocklist.parsed import Entry, Kind

_COSMETIC = re.compile(r"#@?[#?$%]")


def _read_rule(line: str) -> Iterator[Entry]:
    if not line or line.startswith(("!", "[adblock", "[ad")) or (line.startswith("#") and not _COSMETIC.match(line)):
        return
    rule = line.removeprefix("@@")
    _refuse_other_rules(line, rule)
    rule, _, modifiers = rule.partition("$")
    if modifiers:
        raise ValueError(f"{quote(line)}: modifier ${modifiers[:40]} is not supported")
    if not rule.endswith("^"):
        raise ValueError(f"{quote(line)}: only a rule that ends in ^ is about a whole name")
    kind = Kind.PASSED_SUFFIX if line.startswith("@@") else Kind.SUFFIX
    yield kind, read_name(rule.removeprefix("||").removesuffix("^"))


def _refuse_other_rules(line: str, rule: str) -> None:
    if rule.startswith("/"):
        raise ValueError(f"{quote(line)}: a regular expression is not supported")
    if _COSMETIC.search(rule):
        raise ValueError(f"{quote(line)}: a cosmetic rule is not about names")
    if not rule.startswith("||"):
        raise ValueError(f"{quote(line)}: only ||name^ and @@||name^ are about whole names")
    if "*" in rule.partition("$")[0]:
        raise ValueError(f"{quote(line)}: a wildcard is not supported")


ADBLOCK = Syntax(re.compile(rf"{NOT_TOO_LONG}\|\|({NAME})\^"), Kind.SUFFIX, _read_rule)
