"""What the policies say of a device."""

import pytest

from dnsfilter.config import Configuration
from dnsfilter.evidence.standing import Terms
from dnsfilter.model import CompiledList, Grade, Match, Phase, Role, Rule
from dnsfilter.policy.phases import to_timestamp
from dnsfilter.process.orders import PolicyOrders
from dnsfilter.values import parse_moment

CONFIGURATION = Configuration.model_validate(
    {
        "groups": [{"name": "corporate"}, {"name": "guests", "flag": False}],
        "blocklists": [{"name": name, "file": f"{name}.yaml"} for name in ("tiktok", "mail")],
        "policies": [
            {
                "name": "order",
                "blocklists": ["tiktok"],
                "groups": ["corporate"],
                "phases": {"enforce": "2023-03-15", "quarantine": "2023-03-20"},
                "quarantine": {"blocklists": ["mail"], "release_after": "3d", "max_devices": 7, "dry_run": True},
            },
            {"name": "everybody", "blocklists": ["tiktok"], "phases": {"observe": "2023-03-01"}},
        ],
    }
)
LISTS = [
    CompiledList(name, name, Role.INFRA, Grade.NONE, 1, (
        Rule(name, app, Match.EXACT, "a.example", Role.APP_API, Grade.STRONG),
    ))
    for name, app in (("tiktok", "tiktok"), ("mail", "outlook"))
]  # fmt: skip
ORDERS = PolicyOrders(CONFIGURATION, LISTS, {"d-own": "corporate", "d-network": "", "d-guest": "guests"})


def at(text: str) -> float:
    """Return a moment in UTC."""
    return to_timestamp(parse_moment(text), "UTC")


@pytest.mark.parametrize(
    ("device", "group", "policies"),
    [
        ("d-own", "none", ["order", "everybody"]),
        ("d-network", "corporate", ["order", "everybody"]),
        ("d-network", "none", ["everybody"]),
        ("d-guest", "corporate", ["everybody"]),
    ],
)
def test_who_is_covered(device: str, group: str, policies: list[str]) -> None:
    """The inventory's group decides, without one that of the network; a policy without groups covers everybody."""
    assert [terms.policy for terms in ORDERS.find_terms(device, "tiktok", group, 0.0)] == policies


def test_terms() -> None:
    """Terms hold the phase of the moment and the brakes of the policy."""
    before, after = (ORDERS.find_terms("d-own", "tiktok", "", at(day))[0] for day in ("2023-03-19", "2023-03-20"))
    assert (before.phase, after.phase) == (Phase.ENFORCE, Phase.QUARANTINE)
    assert after == Terms("order", Phase.QUARANTINE, 3 * 86_400.0, dry_run=True)
    assert (ORDERS.max_devices("order"), ORDERS.max_devices("gone")) == (7, 0)


def test_what_is_withheld_is_not_banned() -> None:
    """Using what a quarantine withholds is nothing that a policy is about."""
    assert ORDERS.find_terms("d-own", "outlook", "corporate", at("2024-01-01")) == ()


@pytest.mark.parametrize(
    ("device", "group", "is_known"),
    [("d-own", "guests", True), ("d-network", "guests", False), ("d-guest", "corporate", False), ("d-x", "", False)],
)
def test_who_may_be_flagged(device: str, group: str, *, is_known: bool) -> None:
    """A device of the inventory, in a group that is flagged."""
    assert ORDERS.is_known(device, group) == is_known


def test_next_change() -> None:
    """The next phase of any policy is when to look again; after the last there is none."""
    assert ORDERS.next_change(0.0) == at("2023-03-01")
    assert ORDERS.next_change(at("2023-03-15")) == at("2023-03-20")
    assert ORDERS.next_change(at("2023-03-20")) is None
