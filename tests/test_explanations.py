"""What the resolver says of its own answers is what RFC 8914 section 4 has a code for."""

import pytest

from dnsfilter import explanations
from dnsfilter.wire.query import read_options


def told(option: bytes) -> tuple[int, str]:
    """Return code and text of an extended error."""
    data = read_options(option)[15]
    return int.from_bytes(data[:2]), data[2:].decode()


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("NOT_SUPPORTED", 21, ""),
        ("STALE_ANSWER", 3, ""),
        ("STALE_NXDOMAIN", 19, ""),
        ("CACHED_ERROR", 13, ""),
        ("TOO_MANY", 0, "too many queries wait"),
        ("UNREACHABLE", 22, ""),
    ],
)
def test_codes(name: str, code: int, text: str) -> None:
    """Each has the code that the registry has for it; only what has none says in words what is meant."""
    assert [told(option) for option in getattr(explanations, name)] == [(code, text)]


def test_a_refusal_may_go_without_its_text() -> None:
    """Where the operator's words do not fit, the code alone does."""
    assert [told(option) for option in explanations.explain_refusal("ask 1234")] == [(18, "ask 1234"), (18, "")]
