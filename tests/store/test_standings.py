"""What follows from the evidence, in the store."""

from math import inf

import pytest
from sqlalchemy import Engine, select

from dnsfilter.evidence.record import Attribution
from dnsfilter.evidence.standing import RELEASE_AFTER
from dnsfilter.model import Grade, Phase, Standing
from dnsfilter.store.decisions import Exempted, clear, exempt
from dnsfilter.store.devices import count_standings, find_device
from dnsfilter.store.retention import sweep
from dnsfilter.store.schema import consequences
from dnsfilter.store.sightings import record
from dnsfilter.store.standings import Change, Ruling, rule
from tests.fakes.orders import OneOrder
from tests.fakes.sightings import NOON, attributed, sighting

NOW = NOON + 600
DAY = 86_400.0
HELD = frozenset({"order"})


def use(engine: Engine, device: str = "d-1", time: float = NOON, families: str = "ab") -> None:
    """Store what the app's use leaves."""
    with engine.begin() as connection:
        record(connection, [attributed(sighting(family, time=time), device) for family in families])


def ruled(engine: Engine, orders: OneOrder, now: float = NOW, *, is_clock_steady: bool = True) -> Ruling:
    """Judge everybody."""
    with engine.begin() as connection:
        return rule(connection, orders, now, is_clock_steady=is_clock_steady)


def standing(engine: Engine, device: str = "d-1") -> str:
    """Return what `dnsfilter devices` explains."""
    with engine.connect() as connection:
        found = find_device(connection, device)
    assert found
    return found.explanation


def test_quarantines_and_says_so(engine: Engine) -> None:
    """A confirmed device is quarantined, once; the change, the explanation and the counts tell of it."""
    use(engine)
    found = ruled(engine, OneOrder())
    assert found.quarantined == {"d-1": HELD}
    assert found.changes == [
        Change("d-1", "tiktok", "corporate", Standing.CONFIRMED, Standing.QUARANTINED, "confirmed under order")
    ]
    assert standing(engine) == "quarantined: a and b within 24 h, 2 sightings on 1 day; quarantined under order"
    with engine.connect() as connection:
        assert count_standings(connection) == {("tiktok", "quarantined", "corporate"): 1}
    again = ruled(engine, OneOrder(), NOW + 2 * DAY)
    assert (again.changes, again.quarantined) == ([], {"d-1": HELD})


def test_judges_only_some(engine: Engine) -> None:
    """Those a batch concerns are judged alone, and the change tells what they were before the batch."""
    use(engine, "d-2")
    with engine.begin() as connection:
        concerned = record(connection, [attributed(sighting(family)) for family in "ab"])
        found = rule(connection, OneOrder(), NOW, only=concerned)
    assert [(change.device, change.before, change.after) for change in found.changes] == [
        ("d-1", Standing.CLEAR, Standing.QUARANTINED)
    ]
    assert found.quarantined == {"d-1": HELD}


def test_whom_a_batch_concerns(engine: Engine) -> None:
    """Weak sightings and unattributable clients concern nobody; a strong one does, and so does one that goes on."""
    with engine.begin() as connection:
        seen = [
            attributed(sighting("w", Grade.WEAK), "d-weak"),
            attributed(sighting("a"), "d-unknown", Attribution.UNKNOWN),
            attributed(sighting("a"), "d-strong"),
        ]
        assert record(connection, seen) == {("d-strong", "tiktok"): Standing.CLEAR}
        again = record(connection, [attributed(sighting("w", Grade.WEAK), "d-strong")])
        assert again == {("d-strong", "tiktok"): Standing.SUSPECTED}


def test_dry_run(engine: Engine) -> None:
    """In a dry run nobody is quarantined, it is said once who would be, and who was is no longer."""
    use(engine)
    orders = OneOrder(dry_run=True)
    assert ruled(engine, orders)[1:4] == ({}, frozenset(), [("d-1", "order")])
    assert ruled(engine, orders).dry_runs == []
    assert "would be quarantined under order but for dry_run" in standing(engine)
    orders.dry_run = False
    assert ruled(engine, orders).quarantined == {"d-1": HELD}
    orders.dry_run = True
    assert ruled(engine, orders).quarantined == {}
    assert standing(engine).startswith("confirmed: ")


def test_cap(engine: Engine) -> None:
    """Nobody is quarantined beyond the cap, the first confirmed comes first, and a free place is taken."""
    for number in (3, 1, 2):
        use(engine, f"d-{number}", NOON + number * 60)
    orders = OneOrder(limit=2)
    found = ruled(engine, orders)
    assert (set(found.quarantined), found.capped) == ({"d-1", "d-2"}, {"order"})
    assert standing(engine, "d-3").endswith("not quarantined under order: max_devices is reached")
    orders.limit = 1
    assert set(ruled(engine, orders).quarantined) == {"d-1", "d-2"}
    orders.limit, orders.unknown = 2, {"d-1"}
    assert set(ruled(engine, orders).quarantined) == {"d-2"}
    found = ruled(engine, orders)
    assert (set(found.quarantined), found.capped) == ({"d-2", "d-3"}, set())


def test_a_cap_of_none(engine: Engine) -> None:
    """With `max_devices: 0` nobody is ever quarantined."""
    use(engine)
    found = ruled(engine, OneOrder(limit=0))
    assert (found.quarantined, found.capped) == ({}, {"order"})


def test_two_apps_take_one_place(engine: Engine) -> None:
    """A device with two banned apps takes one place under a policy, and is free when both are gone."""
    use(engine)
    with engine.begin() as connection:
        record(connection, [attributed(sighting(family, time=NOON + 2 * DAY, app="other")) for family in "ab"])
    orders = OneOrder(limit=1)
    found = ruled(engine, orders, NOON + 2 * DAY)
    assert (found.quarantined, found.capped) == ({"d-1": HELD}, set())
    assert ruled(engine, orders, NOON + RELEASE_AFTER).quarantined == {"d-1": HELD}
    assert ruled(engine, orders, NOON + RELEASE_AFTER + 2 * DAY).quarantined == {}


def test_release(engine: Engine) -> None:
    """After seven days without evidence a device is clear, and the explanation still tells what was."""
    use(engine)
    ruled(engine, OneOrder())
    assert ruled(engine, OneOrder(), NOON + RELEASE_AFTER - 1).changes == []
    found = ruled(engine, OneOrder(), NOON + RELEASE_AFTER)
    assert found.quarantined == {}
    assert [(change.before, change.after) for change in found.changes] == [(Standing.QUARANTINED, Standing.CLEAR)]
    assert standing(engine) == ("clear: nothing that counts since it was cleared or released, 2 sightings on 1 day")


def test_clearing(engine: Engine) -> None:
    """A cleared device is free, and what arrives late from before does not bring it back."""
    use(engine)
    ruled(engine, OneOrder())
    with engine.begin() as connection:
        clear(connection, "d-1", NOW)
    assert ruled(engine, OneOrder(), NOW + 1).quarantined == {}
    use(engine, time=NOW - 60)
    assert ruled(engine, OneOrder(), NOW + 2).quarantined == {}
    assert standing(engine).startswith("clear: ")
    use(engine, time=NOW + 120)
    assert ruled(engine, OneOrder(), NOW + 120).quarantined == {"d-1": HELD}


def test_exemption(engine: Engine) -> None:
    """An exempt device is not quarantined until the second its exemption ends; until then that is when to look."""
    use(engine)
    with engine.begin() as connection:
        exempt(connection, Exempted("d-1", NOW + 60, "press office", "T-1", "root", NOW))
    found = ruled(engine, OneOrder())
    assert (found.quarantined, found.due) == ({}, NOW + 60)
    assert standing(engine).startswith("exempt: a and b within 24 h, 2 sightings on 1 day; exempt until ")
    assert standing(engine).endswith("Z by root, ticket T-1: press office")
    assert ruled(engine, OneOrder(), NOW + 59.9).quarantined == {}
    found = ruled(engine, OneOrder(), NOW + 60)
    assert (found.quarantined, found.due) == ({"d-1": HELD}, inf)


def test_exempts_before_anything_is_proven(engine: Engine) -> None:
    """A device that only browsed can be exempt, too, and stays so whatever it does."""
    with engine.begin() as connection:
        record(connection, [attributed(sighting("w", Grade.WEAK))])
        exempt(connection, Exempted("d-1", NOW + DAY, "press office", "T-1", "root", NOW))
    ruled(engine, OneOrder())
    use(engine, time=NOW)
    assert ruled(engine, OneOrder(), NOW + 60).quarantined == {}
    assert standing(engine).startswith("exempt: a and b")


def test_a_clock_that_jumped(engine: Engine) -> None:
    """While the clock is not to be trusted nobody is quarantined or released."""
    use(engine)
    assert ruled(engine, OneOrder(), is_clock_steady=False).quarantined == {}
    ruled(engine, OneOrder())
    assert ruled(engine, OneOrder(), NOW + 30 * DAY, is_clock_steady=False).quarantined == {"d-1": HELD}


@pytest.mark.parametrize("phase", [None, Phase.OBSERVE, Phase.WARN, Phase.ENFORCE])
def test_phase(engine: Engine, phase: Phase | None) -> None:
    """Before the quarantine phase nobody is quarantined, and a policy taken back to it frees all."""
    use(engine)
    orders = OneOrder(phase)
    assert ruled(engine, orders).quarantined == {}
    ruled(engine, OneOrder())
    assert ruled(engine, orders).quarantined == {}
    with engine.connect() as connection:
        assert connection.execute(select(consequences)).all() == []


def test_a_forgotten_device_has_no_consequences(engine: Engine) -> None:
    """When the last sighting of a device is older than the retention it is forgotten altogether."""
    use(engine)
    ruled(engine, OneOrder())
    sweep(engine, NOON + DAY)
    assert ruled(engine, OneOrder(), NOW + DAY).quarantined == {}
    with engine.connect() as connection:
        assert connection.execute(select(consequences)).all() == []


def test_who_is_no_device_any_more(engine: Engine) -> None:
    """When the address of a quarantined device becomes ambiguous it is a device no more, and nothing follows."""
    use(engine)
    ruled(engine, OneOrder())
    with engine.begin() as connection:
        record(connection, [attributed(sighting("a"), "d-1", Attribution.UNKNOWN)])
    assert ruled(engine, OneOrder()).quarantined == {}
    assert standing(engine).startswith("unattributable: ")
