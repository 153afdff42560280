"""Who may ask, how much, and what each group gets."""

from collections.abc import Callable

from tests.e2e.server import SINKHOLE_IPV4, Server
from tests.e2e.unbound import Unbound


def test_refuses_strangers(start: Callable[..., Server], upstream: Unbound) -> None:
    """An address outside `allow_clients` gets REFUSED for every name and reaches no upstream."""
    server = start(allow_clients=["127.0.0.1/32", "127.0.1.0/24"])
    before = upstream.count("late.example")
    for name in ("late.example", "www.tiktok.com"):
        for transport in ("+notcp", "+tcp"):
            answer = server.dig(name, "-b", "127.0.0.9", transport)
            assert (answer.status, answer.answer) == ("REFUSED", [])
    assert upstream.count("late.example") == before
    assert server.dig("late.example", "-b", "127.0.1.9").rdata("A") == ["192.0.2.96"]
    assert server.dig("late.example", "-b", "127.0.0.9").status == "REFUSED", "not from the cache either"


def test_policy_covers_its_groups_only(start: Callable[..., Server]) -> None:
    """The same name is blocked for a member of the policy's group and resolved for others, cached or not."""
    groups = [{"name": "corporate", "networks": ["127.1.0.0/16"]}, {"name": "guests", "networks": ["127.2.0.0/16"]}]
    policies = [
        {"name": "tiktok", "blocklists": ["tiktok"], "groups": ["corporate"], "phases": {"enforce": "2023-03-15"}}
    ]
    server = start(groups=groups, policies=policies)
    for _ in range(2):
        assert server.dig("www.tiktok.com", "-b", "127.1.0.5").rdata("A") == [SINKHOLE_IPV4]
        assert server.dig("www.tiktok.com", "-b", "127.2.0.5").rdata("A") == ["192.0.2.97"]
        assert server.dig("cloaked.example", "-b", "127.2.0.5").rdata("A") == ["192.0.2.99"]
        assert server.dig("cloaked.example", "-b", "127.1.0.5").rdata("A") == [SINKHOLE_IPV4]


def test_observe_phase_resolves(start: Callable[..., Server]) -> None:
    """Before enforcement a listed name resolves and is recorded."""
    phases = {"observe": "2023-03-15", "enforce": "2999-01-01"}
    server = start(policies=[{"name": "tiktok", "blocklists": ["tiktok"], "phases": phases}])
    assert server.dig("www.tiktok.com").rdata("A") == ["192.0.2.97"]


def test_limits_the_rate(start: Callable[..., Server]) -> None:
    """A client beyond its burst is not answered in full over UDP; another one is."""
    server = start(rate_limit={"per_client_qps": 1, "burst": 5})
    answers = [server.dig("www.tiktok.com", "-b", "127.0.0.5", "+ignore", "+tries=1", timeout=1) for _ in range(12)]
    assert 4 <= sum(SINKHOLE_IPV4 in answer.text for answer in answers) <= 8
    assert server.dig("www.tiktok.com", "-b", "127.0.0.6").rdata("A") == [SINKHOLE_IPV4]
