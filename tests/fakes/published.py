"""A small world for the proxy, published as real snapshots: one app, one network, one group per way of treating it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dnsfilter.clients.table import ClientTable
from dnsfilter.config import Configuration
from dnsfilter.feeds.clients import publish_clients
from dnsfilter.feeds.snapshot import Snapshot, publish_snapshot
from dnsfilter.model import CompiledList, Grade, Match, Role, Rule

LISTED = "www.tiktok.com"
LISTED_ADDRESS = "198.51.100.7"
UNLISTED = "www.example.org"

PLAIN = "127.0.0.1"
"""A client whose device does not trust the proxy's CA."""
TRUSTING = "127.0.0.2"
"""A client whose device does."""
PHASES = {"observe": "2023-02-23", "warn": "2023-03-01", "enforce": "2023-03-15"}


def rule(match: Match, text: str) -> Rule:
    """Return a rule of the one list."""
    return Rule("tiktok", "tiktok", match, text, Role.WEB, Grade.WEAK)


def configuration(state: Path, phases: Mapping[str, str], **settings: Any) -> Configuration:
    """Return the configuration of this world."""
    return Configuration.model_validate(
        {
            "state": str(state),
            "blocklists": [{"name": "tiktok", "file": "tiktok.yaml"}],
            "groups": [
                {"name": "managed", "networks": [f"{TRUSTING}/32"], "trusts_ca": True},
                {"name": "plain", "networks": ["127.0.0.0/8"]},
            ],
            "policies": [{"name": "order", "blocklists": ["tiktok"], "phases": dict(phases)}],
            **settings,
        }
    )


def publish_world(state: Path, phase: str | None = "enforce", generation: int = 1, **settings: Any) -> Snapshot:
    """Publish this world with its policy in a phase since 2023; None: before the first."""
    phases = {phase: PHASES[phase]} if phase else {"enforce": "2999-01-01"}
    rules = (rule(Match.SUFFIX, "tiktok.com"), rule(Match.NETWORK, "198.51.100.0/24"))
    compiled = CompiledList("tiktok", "tiktok", Role.INFRA, Grade.NONE, len(rules), rules)
    snapshot = Snapshot(generation, 0.0, configuration(state, phases, **settings), (compiled,))
    publish_snapshot(snapshot, state)
    publish_clients(ClientTable(), state)
    return snapshot
