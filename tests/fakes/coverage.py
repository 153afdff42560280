"""Coverages of a few rules, decided by the real matcher."""

from collections.abc import Sequence

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.export.coverage import Asker, Coverage, Verdict, survey
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.model import DnsAction, Grade, Match, Role, Rule
from dnsfilter.policy.matcher import Matcher
from dnsfilter.settings.order import Blocklist
from dnsfilter.settings.resolver import Sinkhole

SINKHOLE = Sinkhole.model_validate({"ipv4": "192.0.2.66", "ipv6": "2001:db8::66"})
BLOCKLIST = Blocklist(name="list", file="f")


def rule(match: Match, text: str, answer: DnsAction | None = DnsAction.SINKHOLE, data: tuple[str, ...] = ()) -> Rule:
    """Return a rule; without an answer it frees."""
    return Rule("list", "app", match, text, Role.WEB, Grade.WEAK, answer, passthru=answer is None, data=data)


def cover(*rules: Rule, parsed: ParsedList | None = None, askers: Sequence[Asker] = ()) -> Coverage:
    """Survey rules, or a list of names that all get SINKHOLE."""
    compiled = compile_list(BLOCKLIST, parsed or ParsedList(rules=rules), 0.0)
    matcher = Matcher([compiled])

    def decide(name: str) -> Verdict:
        found = matcher.match(name)
        if not found or found[0].passthru:
            return Verdict(DnsAction.RESOLVE)
        return Verdict(found[0].answer or DnsAction.SINKHOLE, found[0].data)

    return survey([compiled], (), decide, askers)


def suffix(text: str, answer: DnsAction | None = DnsAction.SINKHOLE) -> Rule:
    """Return a suffix rule."""
    return rule(Match.SUFFIX, text, answer)


def exact(text: str, answer: DnsAction | None = DnsAction.SINKHOLE) -> Rule:
    """Return an exact rule."""
    return rule(Match.EXACT, text, answer)
