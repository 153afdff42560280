"""The policy in force: verdicts over several targets, and the moment at which they change."""

from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.model import Channel, Client, CompiledList, Grade, Match, ProxyAction, Role, Rule
from proxy_addons.connections import ClientConnection
from proxy_addons.identity import identify
from proxy_addons.names import Target
from proxy_addons.policy import UNLISTED, PolicyInForce
from tests.fakes.published import LISTED, LISTED_ADDRESS, PHASES, PLAIN, TRUSTING, configuration, publish_world

LISTED_NAME = Target(LISTED, Channel.SNI)
ADDRESS = Target(ip_address(LISTED_ADDRESS), Channel.IP)
OTHER = Target("www.example.org", Channel.HTTP)
NOW = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


def in_force(snapshot: Snapshot) -> PolicyInForce:
    return PolicyInForce(snapshot, Directory(snapshot.configuration.groups, ClientTable()))


@pytest.fixture
def policy(tmp_path: Path) -> PolicyInForce:
    return in_force(publish_world(tmp_path))


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([], None),
        ([OTHER], None),
        ([LISTED_NAME], LISTED_NAME),
        ([OTHER, ADDRESS], ADDRESS),
        ([OTHER, LISTED_NAME, ADDRESS], LISTED_NAME),
    ],
)
def test_the_strictest_target_decides(policy: PolicyInForce, targets: list[Target], expected: Target | None) -> None:
    """One listed target among several is enough; of equals the first is reported."""
    verdict = policy.decide(Client("plain"), targets, NOW)
    assert verdict.target == expected
    assert verdict.action is (ProxyAction.REFUSE if expected else ProxyAction.PASS)


def test_what_a_freed_name_leads_to_is_free(tmp_path: Path) -> None:
    """A name that the list itself frees is reported as free, so that neither its address nor a sign counts there."""
    snapshot = publish_world(tmp_path)
    (compiled,) = snapshot.lists
    freeing = Rule("tiktok", "tiktok", Match.EXACT, "free.example", Role.WEB, Grade.NONE, passthru=True)
    freed = replace(snapshot, lists=(replace(compiled, rules=(*compiled.rules, freeing)),))
    name = Target("free.example", Channel.SNI)
    verdict = in_force(freed).decide(Client("plain"), [ADDRESS, name], NOW)
    assert (verdict.action, verdict.target, verdict.decision.is_free) == (ProxyAction.PASS, name, True)
    assert in_force(freed).decide(Client("plain"), [name, LISTED_NAME], NOW).target == LISTED_NAME


def test_unlisted_says_nothing() -> None:
    """The verdict on the unlisted has no rule, no app and no target."""
    assert UNLISTED.action is ProxyAction.PASS
    assert UNLISTED.app == ""


def test_phases_begin_on_the_second(tmp_path: Path) -> None:
    """Views made before a phase begins are not used after it."""
    publish_world(tmp_path)
    snapshot = Snapshot(1, 0.0, configuration(tmp_path, PHASES), publish_world(tmp_path).lists)
    policy = in_force(snapshot)
    enforce = datetime(2023, 3, 15, tzinfo=UTC).timestamp()
    assert policy.decide(Client("plain"), [LISTED_NAME], enforce - 1).action is ProxyAction.WARN
    assert policy.decide(Client("plain"), [LISTED_NAME], enforce).action is ProxyAction.REFUSE


def test_since_is_the_day_the_phase_began(policy: PolicyInForce) -> None:
    """The page can say since when, in the policy's timezone; of the unlisted there is nothing to say."""
    assert policy.since(policy.decide(Client("plain"), [LISTED_NAME], NOW).decision) == date(2023, 3, 15)
    assert policy.since(UNLISTED.decision) is None


def test_knows_who_trusts_the_ca(policy: PolicyInForce) -> None:
    """Groups come from the networks of the configuration; only a group that says so trusts the CA."""
    assert [policy.trusts_ca(policy.find_client(address, NOW)) for address in (PLAIN, TRUSTING)] == [False, True]


def test_who_asks(tmp_path: Path) -> None:
    """What a list says of a client's address counts for every name and address that it asks for, also as a device."""
    snapshot = publish_world(tmp_path)
    (compiled,) = snapshot.lists
    rules = tuple(
        Rule("tiktok", "tiktok", Match.CLIENT, text, Role.WEB, Grade.NONE, passthru=passthru)
        for text, passthru in (("10.9.0.0/24", False), ("10.9.0.1/32", True))
    )
    policy = in_force(replace(snapshot, lists=(replace(compiled, rules=(*compiled.rules, *rules)),)))
    freed, listed, other = (
        replace(policy.find_client(f"10.9.{last}", NOW), group=PLAIN) for last in ("0.1", "0.2", "1.1")
    )
    verdicts = [
        [policy.decide(client, [target], NOW).action for target in (OTHER, LISTED_NAME, ADDRESS)]
        for client in (freed, listed, other)
    ]
    passing, refusing = ProxyAction.PASS, ProxyAction.REFUSE
    assert verdicts == [[passing] * 3, [refusing] * 3, [passing, refusing, refusing]]
    connection = ClientConnection("10.9.0.2", listed)
    identify(connection, "nobody", policy, NOW)
    assert connection.client.triggers


def test_for_which_app_another_is_withheld(tmp_path: Path) -> None:
    """What a quarantined device is kept from has the policy's own app as its cause; the own app has none."""
    quarantine = {"blocklists": ["mail"]}
    order = {
        "name": "order",
        "blocklists": ["tiktok"],
        "phases": {"quarantine": "2023-03-25"},
        "quarantine": quarantine,
    }
    lists = [{"name": name, "file": f"{name}.yaml"} for name in ("tiktok", "mail")]
    snapshot = publish_world(tmp_path, policies=[order], blocklists=lists)
    mail = Rule("mail", "mail", Match.EXACT, "mail.example", Role.WEB, Grade.NONE)
    compiled = CompiledList("mail", "mail", Role.WEB, Grade.NONE, 1, (mail,))
    own = replace(snapshot.lists[0], title="TikTok")
    policy = in_force(replace(snapshot, lists=(own, compiled)))
    client = Client("plain", quarantined=frozenset({"order"}))
    verdicts = [
        policy.decide(client, [target], NOW) for target in (Target("mail.example", Channel.SNI), LISTED_NAME, OTHER)
    ]
    assert [policy.find_cause(verdict.decision) for verdict in verdicts] == ["TikTok", "", ""]
    assert [verdict.action for verdict in verdicts[:2]] == [ProxyAction.REFUSE] * 2
