"""Whole stories about clients, dates and answers, told to a resolver without sockets (format: stories.yaml)."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from dnslib import RCODE

from dnsfilter.config import Configuration
from dnsfilter.model import NEVER_BLOCK, Device
from dnsfilter.wire.codes import Type
from tests.fakes.messages import ask, edns, extended_errors, parse
from tests.fakes.world import Upstream, World, catalogue

STORIES = yaml.load((Path(__file__).parent / "stories.yaml").read_text(), yaml.BaseLoader)
SIGHTED = {"blocked", "observed"}


def to_time(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Brussels")).timestamp()


def build(story: dict[str, Any]) -> World:
    """Return the world in which a story begins."""
    catalogues = {**story["lists"], **story.get("more_lists", {})}
    lists = [catalogue(name, data, passthru=name == NEVER_BLOCK) for name, data in catalogues.items()]
    devices = [
        Device(name, name, "", "", "corporate", addresses=(address,))
        for name, address in story.get("devices", {}).items()
    ]
    configuration = Configuration.model_validate(story["configuration"])
    return World(configuration, lists, Upstream(story["upstream"]), to_time(story["steps"][0][0]), devices)


def happen(world: World, event: str) -> None:
    """Let something happen that is no query."""
    match event.split():
        case ["upstream", state]:
            world.upstream.is_down = state == "down"
        case ["quarantine", device, policy]:
            world.quarantined[device] = frozenset({policy})
            world.adopt()
        case _:
            pytest.fail(f"no such event: {event}")


def ask_for(world: World, client: str, question: str) -> str:
    """Ask and return outcome, response code, data and TTL; check what must hold of every response."""
    name, qtype = question.split()
    response = parse(world.ask(client, ask(name, qtype, opt=edns())) or b"")
    batch = world.drain()
    ((outcome, rcode),) = [key[1:] for key, count in batch.counters.items() if key[0] == "responses" and count]
    assert rcode == RCODE.get(response.header.rcode)
    assert not response.header.ad
    assert str(response.q.qname) == f"{name}." or outcome == "refused"
    if outcome == "blocked":
        (code, reason), *_ = extended_errors(response)  # Forged Answer may follow (RFC 8914 section 4.5)
        assert (code, reason.partition(" ")[0]) == (15, "app")
    assert [sighting.client for sighting in batch.sightings] in ([], [client])
    data = [str(rr.rdata) for rr in response.rr if rr.rtype != Type.HINFO]
    ttls = [rr.ttl for rr in response.rr + response.auth]
    sighted = ["sighted"] if bool(batch.sightings) != (outcome in SIGHTED) else []
    return " ".join([outcome, rcode, *data, *(f"ttl={ttl}" for ttl in ttls[:1]), *sighted])


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["title"])
def test_story(story: dict[str, Any]) -> None:
    """Every step has the outcome that the story tells."""
    world = build(story)
    for time, *step in story["steps"]:
        world.move_to(to_time(time))
        if len(step) == 1:
            happen(world, step[0])
            continue
        client, question, expected = step
        found = ask_for(world, client, question)
        if "ttl=" not in expected:
            found = " ".join(word for word in found.split() if not word.startswith("ttl="))
        assert found == expected, f"{time} {client} {question}"
