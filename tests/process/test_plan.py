"""Who is told of what."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from dnsfilter.config import Configuration
from dnsfilter.model import CompiledList, Device, Event, EventKind, Grade, Match, Role, Rule
from dnsfilter.outgoing.message import Message
from dnsfilter.process.plan import OutgoingPlan, find_wanted
from tests.fakes.events import STANDING, event, message

OBSERVE, WARN, ENFORCE, QUARANTINE = "2023-02-23", "2023-03-01", "2023-03-15", "2023-03-20"
DEVICES = {
    "d-1": Device("phone-1", "Ann's phone", "Ann", "ann@corp.example", "corporate", language="fr"),
    "d-2": Device("phone-2", "", "Ann", "Ann@corp.example", "corporate"),
    "d-3": Device("phone-3", "Bob's", "Bob", "bob@corp.example", "corporate"),
    "d-4": Device("phone-4", "", "", "", "corporate"),
    "d-5": Device("guest-1", "", "Guest", "guest@x.example", "guests"),
    "d-6": Device("other-1", "", "Eve", "eve@corp.example", "others"),
}


def rule(app: str, grade: Grade) -> Rule:
    """Return a rule of a list."""
    return Rule("x", app, Match.SUFFIX, f"x.{app}.example", Role.APP_API, grade)


LISTS = [
    CompiledList("tiktok", "tiktok", Role.APP_API, Grade.NONE, 1, (rule("tiktok", Grade.STRONG),), title="TikTok"),
    CompiledList("doh", "doh", Role.DOH, Grade.NONE, 1, (rule("doh", Grade.NONE),)),
]


def configuration(*groups: str, phases: Sequence[str] = (OBSERVE, WARN, ENFORCE, QUARANTINE), **keys: Any) -> Any:
    """Return a configuration with mail, one webhook and one file."""
    names = ("observe", "warn", "enforce", "quarantine")
    policy = {
        "name": "order",
        "blocklists": ["tiktok"],
        "groups": groups or ["corporate"],
        "phases": {name: start for name, start in zip(names, phases, strict=True) if start},
        "quarantine": {"blocklists": ["work"], **keys.pop("quarantine", {})},
        "timezone": "Europe/Brussels",
    }
    lists = [{"name": name, "file": "x"} for name in ("tiktok", "doh", "work")]
    known = {
        "blocklists": lists,
        "groups": [{"name": "corporate"}, {"name": "guests", "flag": False}, {"name": "others"}],
        "policies": [
            policy,
            {"name": "dns", "blocklists": ["doh"], "phases": {"observe": OBSERVE, "enforce": ENFORCE}},
        ],
        "notices": {"server": "mail.example", "sender": "it@corp.example", "contact": "x", **keys.pop("notices", {})},
        "webhooks": [{"name": "mdm", "url": "https://m.example/", "secret_file": "s", **keys.pop("hook", {})}],
        "events": [{"name": "log", "to": "events.json"}],
    }
    return Configuration.model_validate({**known, **keys})


def plan(*groups: str, **keys: Any) -> OutgoingPlan:
    return OutgoingPlan(configuration(*groups, **keys), LISTS, DEVICES)


def at(day: str, hour: int = 12) -> float:
    """Return noon of a day."""
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00").timestamp()


def mailed(made: OutgoingPlan, found: Event, accused: Sequence[str] = ()) -> list[str]:
    """Return the devices whose owners get mail."""
    return [device for outlet, device in made.distribute(found, accused) if outlet == "mail"]


def test_outlets_get_their_kinds() -> None:
    """Each outlet gets the kinds it is configured for."""
    made = plan()
    assert made.distribute(event(EventKind.AUDIT), ()) == [("log", "d-1")]
    found = made.distribute(event(time=at(WARN)), ())
    assert found == [("mail", "d-1"), ("mdm", "d-1"), ("log", "d-1")]
    assert find_wanted(configuration()) == frozenset(EventKind)
    assert find_wanted(Configuration()) == frozenset()


@pytest.mark.parametrize(("day", "is_told"), [(OBSERVE, False), (WARN, True), (ENFORCE, True), (QUARANTINE, True)])
def test_owners_are_told_from_the_warning_on(day: str, is_told: bool) -> None:  # noqa: FBT001
    """While the network only observes, an owner hears nothing of what was seen."""
    assert mailed(plan(), event(time=at(day))) == ["d-1"] * is_told


def test_a_policy_for_others() -> None:
    """An app that is no matter of this device's policies is none of its owner's."""
    assert mailed(plan("others"), event(time=at(WARN))) == []
    assert mailed(plan(), event(time=at(WARN), app="other")) == []


@pytest.mark.parametrize(
    ("before", "is_told"), [("confirmed", True), ("quarantined", True), ("suspected", False), ("exempt", False)]
)
def test_all_clear(before: str, is_told: bool) -> None:  # noqa: FBT001
    """Who was not told of a suspicion is not told that it has ended."""
    found = event(EventKind.CLEARED, time=at(ENFORCE), content={**STANDING, "before": before})
    assert mailed(plan(), found) == ["d-1"] * is_told


def test_an_announcement_goes_to_every_owner_once() -> None:
    """Owners of covered devices with an address, once each; nobody of a group that is never flagged."""
    found = event(EventKind.ANNOUNCEMENT, device="", app="", content={"policy": "order"})
    assert mailed(plan(), found) == ["d-1", "d-3"]
    assert mailed(plan("corporate", "guests", "others"), found) == ["d-1", "d-3", "d-6"]
    gone = event(EventKind.ANNOUNCEMENT, device="", app="", content={"policy": "gone"})
    assert mailed(plan(), gone) == []


def test_a_reminder_goes_to_the_accused() -> None:
    """Only owners of devices with evidence are reminded, and only of covered ones."""
    found = event(EventKind.REMINDER, device="", app="", content={"policy": "order"})
    assert mailed(plan(), found, ["d-2", "d-1", "d-6", "d-9"]) == ["d-2"]


def marks(made: OutgoingPlan, day: str) -> list[str]:
    return [mark.rpartition("/")[0] for mark, _ in made.find_due(at(day)) if "/order" in mark and "phase" not in mark]


def test_dates() -> None:
    """An order is announced from its first phase, reminded of a week before its deadline, and not after it."""
    made, deadline = plan(), int(datetime(2023, 3, 19, 23, tzinfo=UTC).timestamp())
    announced, reminded = (f"{kind}/order/{deadline}" for kind in ("announcement", "reminder"))
    assert marks(made, "2023-02-22") == []
    assert marks(made, OBSERVE) == [announced]
    assert marks(made, "2023-03-12") == [announced]
    assert marks(made, "2023-03-13") == [announced, reminded]
    assert marks(made, QUARANTINE) == []


def test_phases() -> None:
    """A phase that has begun is told under a mark of its own."""
    found = {mark: found for mark, found in plan().find_due(at(ENFORCE)) if mark.startswith("phase/order")}
    (happened,) = found.values()
    assert (happened.kind, happened.content) == (EventKind.PHASE, {"policy": "order", "phase": "enforce"})


def test_what_proves_no_app_is_not_announced() -> None:
    """A list without strong entries asks nobody to remove anything."""
    found = plan().find_due(at(WARN))
    assert {str(each.content["policy"]) for _, each in found if each.kind is EventKind.ANNOUNCEMENT} == {"order"}


def test_a_rehearsal_is_no_announcement() -> None:
    """What was announced in a dry run, or before there was mail, is announced again in earnest."""
    kinds = [plan(notices={"dry_run": True}), plan(notices={"server": None}), plan()]
    every = [mark for made in kinds for mark, _ in made.find_due(at(WARN)) if mark.startswith("announcement")]
    assert len(set(every)) == 3


@pytest.mark.parametrize(
    ("keys", "deadline", "withholds"),
    [
        ({}, datetime(2023, 3, 20), True),  # noqa: DTZ001 - local
        ({"quarantine": {"dry_run": True}}, datetime(2023, 3, 15), False),  # noqa: DTZ001
        ({"quarantine": {"blocklists": []}}, datetime(2023, 3, 15), False),  # noqa: DTZ001
        ({"phases": (OBSERVE, WARN, "", "")}, None, False),
    ],
)
def test_orders(keys: dict[str, Any], deadline: datetime | None, withholds: bool) -> None:  # noqa: FBT001
    """The deadline is when something is withheld, else when names are blocked, in the policy's own time."""
    order = plan(**keys).find_order(message())
    assert order.deadline == (deadline and deadline.replace(tzinfo=order.deadline.tzinfo if order.deadline else None))
    assert (order.apps, order.withholds) == ("TikTok", withholds)


def test_apps_are_called_as_people_call_them() -> None:
    """A notice has the title that a list gives its app, else the app's name."""
    assert plan().find_order(message(EventKind.ANNOUNCEMENT, content={"policy": "order"})).apps == "TikTok"
    assert plan().find_order(message(app="capcut")).apps == "capcut"


def test_an_order_that_is_gone() -> None:
    """An announcement of a policy that asks for nothing any more is not sent."""
    found = message(EventKind.ANNOUNCEMENT, content={"policy": "order"})
    with pytest.raises(ValueError, match="no deadline any more"):
        plan(phases=(OBSERVE, "", "", "")).find_order(found)
    with pytest.raises(ValueError, match="no deadline any more"):
        plan().find_order(message(EventKind.ANNOUNCEMENT, content={"policy": "gone"}))


def test_recipients() -> None:
    """The owner is whom the inventory names now; a device that it does not know has none."""
    made = plan()
    assert made.find_recipient(message()) == ("ann@corp.example", "Ann", "Ann's phone", "fr")
    assert made.find_recipient(message(device="d-2")).device == "phone-2"
    with pytest.raises(ValueError, match="does not know the device any more"):
        made.find_recipient(message(device="d-9"))


def test_siblings() -> None:
    """Devices of one owner belong together, by the mail address whatever its case; those without one do not."""
    made = plan()
    assert list(made.find_siblings("d-2")) == ["d-1", "d-2"]
    assert list(made.find_siblings("d-4")) == ["d-4"]
    assert list(made.find_siblings("d-9")) == []


@pytest.mark.parametrize(
    ("identify", "found", "identity"),
    [
        (True, message(outlet="mdm"), "phone-1"),
        (False, message(outlet="mdm"), ""),
        (True, message(outlet="log"), ""),
        (True, message(outlet="mdm", device="d-9"), ""),
        (True, message(EventKind.AUDIT, outlet="mdm"), ""),
    ],
)
def test_identities(identify: bool, found: Message, identity: str) -> None:  # noqa: FBT001
    """Only an outlet that may learn who is meant does, of known devices, about their standing."""
    assert plan(hook={"identify": identify}).find_identity(found) == identity


def test_terms() -> None:
    """Mail is limited and in no order; the others keep the order."""
    terms = plan(notices={"per_hour": 7, "repeat_after": "2h"}).terms
    assert (terms["mail"].per_hour, terms["mail"].repeat_after, terms["mail"].is_ordered) == (7, 7_200, False)
    assert (terms["mdm"].per_hour, terms["mdm"].is_ordered, terms["mdm"].give_up_after) == (None, True, 3 * 86_400)
