"""Adblock syntax, as far as it is about names: `||name^`, `|name|` (that name alone), and `@@` before them frees.

Everything else (modifiers, cosmetic rules, paths, regular expressions, wildcards, directives) is refused by its name,
because half of its meaning would be lost.
"""

import re
from collections.abc import Iterator

from dnsfilter.blocklist.lines import NAME, NOT_TOO_LONG, Syntax, quote, read_name
from dnsfilter.blocklist.parsed import Entry, Kind

_COSMETIC = re.compile(r"#@?[#?$%]")
_DIRECTIVE = re.compile(r"!#(?:include|if|else|endif|safari_cb_affinity)\b")
_REGULAR_EXPRESSION = re.compile(r"/.+/(?:\$.*)?")

_KINDS = {
    (False, True): Kind.SUFFIX,
    (False, False): Kind.EXACT,
    (True, True): Kind.PASSED_SUFFIX,
    (True, False): Kind.PASSED_EXACT,
}
"""By whether a rule frees and whether it covers what is below its name."""


def _read_rule(line: str) -> Iterator[Entry]:
    if directive := _DIRECTIVE.match(line):
        raise ValueError(f"{quote(line)}: directive {directive[0]} is not supported")
    if not line or line.startswith(("!", "[adblock", "[ad")) or (line.startswith("#") and not _COSMETIC.match(line)):
        return
    rule = line.removeprefix("@@")
    _refuse_other_rules(line, rule)
    rule, _, modifiers = rule.partition("$")
    if modifiers:
        raise ValueError(f"{quote(line)}: modifier ${modifiers[:40]} is not supported")
    rule = rule.removesuffix("|") if rule.endswith("^|") else rule  # a name ends there anyway
    covers_below = rule.startswith("||")
    if not rule.endswith("^" if covers_below else ("|", "^")):
        raise ValueError(f"{quote(line)}: only a rule that ends in ^ is about a whole name")
    yield _KINDS[line.startswith("@@"), covers_below], read_name(rule.lstrip("|")[:-1])


def _refuse_other_rules(line: str, rule: str) -> None:
    if _REGULAR_EXPRESSION.fullmatch(rule):
        raise ValueError(f"{quote(line)}: a regular expression is not supported")
    if _COSMETIC.search(rule):
        raise ValueError(f"{quote(line)}: a cosmetic rule is not about names")
    if not rule.startswith("|") or "://" in rule:
        raise ValueError(f"{quote(line)}: only ||name^, |name| and @@ before them are about whole names")
    if "*" in rule.partition("$")[0]:
        raise ValueError(f"{quote(line)}: a wildcard is not supported")


ADBLOCK = Syntax(re.compile(rf"{NOT_TOO_LONG}\|\|({NAME})\^"), Kind.SUFFIX, _read_rule)
