"""What every export is: lines in some syntax, and what that syntax cannot say."""

from collections.abc import Sequence
from typing import NamedTuple

from dnsfilter.model import DnsAction
from dnsfilter.settings.resolver import Sinkhole

MAX_EXAMPLES = 10
NULL_IPV4 = "0.0.0.0"  # noqa: S104 - the answer that leads nowhere, not a place to listen
NULL_IPV6 = "::"


class Document(NamedTuple):
    """The lines of an export without its header, and one sentence for each kind of thing that is lost."""

    lines: list[str]
    losses: list[str]


def tell_loss(names: Sequence[str], what: str) -> list[str]:
    """Return the sentence for names that all lose the same, none where there are none."""
    if not names:
        return []
    examples = ", ".join(names[:MAX_EXAMPLES]) + (", …" if len(names) > MAX_EXAMPLES else "")
    return [f"{what}: {len(names)} ({examples})"]


def find_addresses(action: DnsAction, sinkhole: Sinkhole) -> tuple[str, str]:
    """Return the addresses of an answer; those that lead nowhere for an answer without any."""
    if action is DnsAction.SINKHOLE:
        return str(sinkhole.ipv4), str(sinkhole.ipv6)
    return NULL_IPV4, NULL_IPV6
