"""What each phase means at the resolver and at the proxy: the table, and which of two decisions is stricter."""

from dnsfilter.model import Decision, DnsAction, Phase, ProxyAction, Rule

ACTIONS: dict[Phase | None, tuple[DnsAction | None, ProxyAction]] = {
    None: (DnsAction.RESOLVE, ProxyAction.PASS),
    Phase.OBSERVE: (DnsAction.OBSERVE, ProxyAction.OBSERVE),
    Phase.WARN: (DnsAction.OBSERVE, ProxyAction.WARN),
    Phase.ENFORCE: (None, ProxyAction.REFUSE),
    Phase.QUARANTINE: (None, ProxyAction.REFUSE),
}
"""Per phase the action at the resolver (None: the answer of the policy or of the rule) and at the proxy."""

NOT_LISTED = Decision(DnsAction.RESOLVE, ProxyAction.PASS)

_PROXY_RANK = {action: rank for rank, action in enumerate(ProxyAction)}


def decide_first(rule: Rule) -> Decision:
    """Return what a name gets that comes before any policy; the proxy refuses those that lead to the sinkhole."""
    answer = rule.answer or DnsAction.NXDOMAIN
    return Decision(answer, ProxyAction.REFUSE if answer is DnsAction.SINKHOLE else ProxyAction.PASS, rule)


def stricter(first: Decision, second: Decision) -> Decision:
    """Return the decision with more consequences; the first where there is nothing to choose."""
    if second is NOT_LISTED or second.is_free:
        return first
    return second if _severity(second) > _severity(first) else first


def is_strictest(decision: Decision) -> bool:
    """Whether no decision is stricter: an answer may lead to thousands of names and addresses."""
    return decision.is_sighting and decision.is_blocking


def _severity(decision: Decision) -> int:
    return decision.is_sighting + 2 * decision.is_blocking


def strictness(decision: Decision) -> int:
    """Rank decisions; a listed name before its first phase still outranks one that is not listed or is freed."""
    rule = decision.rule
    return 2 * _PROXY_RANK[decision.proxy] + (rule is not None and not rule.passthru)
