"""Writing sightings."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, func, select

from dnsfilter.evidence.record import Attribution, Observation, gather
from dnsfilter.model import Grade, Standing
from dnsfilter.store.devices import from_row
from dnsfilter.store.schema import devices, metadata, sightings, signals
from dnsfilter.store.sightings import Attributed, record
from tests.fakes.sightings import NOON, attributed, sighting


def write(engine: Engine, *batches: Iterable[Attributed]) -> None:
    """Write each batch in a transaction of its own."""
    for batch in batches:
        with engine.begin() as connection:
            record(connection, list(batch))


def test_counts_per_minute(engine: Engine) -> None:
    """The same thing within a minute is one row with a count, over batches too."""
    write(
        engine,
        [attributed(sighting(time=NOON)), attributed(sighting(time=NOON + 59, count=3))],
        [attributed(sighting(time=NOON + 1)), attributed(sighting(time=NOON + 60))],
    )
    with engine.connect() as connection:
        counts = list(connection.execute(select(sightings.c.minute, sightings.c.count).order_by(sightings.c.minute)))
        assert counts == [(NOON // 60, 5), (NOON // 60 + 1, 1)]
        assert connection.scalar(select(func.count()).select_from(signals)) == 1


def test_moves_the_standing(engine: Engine) -> None:
    """Two strong families in different batches confirm the device, per app."""
    write(
        engine,
        [attributed(sighting("a")), attributed(sighting("z", app="other"))],
        [attributed(sighting("b", time=NOON + 3_600))],
    )
    with engine.connect() as connection:
        standings = dict(map(tuple, connection.execute(select(devices.c.app, devices.c.standing))))
    assert standings == {"tiktok": Standing.CONFIRMED, "other": Standing.SUSPECTED}


def test_the_latest_attribution_counts(engine: Engine) -> None:
    """A device whose group is flagged from now on starts without evidence, and has its new group."""
    write(
        engine,
        [attributed(sighting("a"), attribution=Attribution.UNFLAGGED, group="guests")],
        [attributed(sighting("b", time=NOON + 60))],
    )
    with engine.connect() as connection:
        row = connection.execute(select(devices)).one()
    assert (row.standing, row.group, row.strong) == ("suspected", "corporate", 2)


def test_very_many_devices_at_once(engine: Engine) -> None:
    """More devices than a statement has room for are loaded and written."""
    for _ in range(2):
        write(engine, [[attributed(sighting(), device=f"d-{number}") for number in range(1_201)]][0])
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(devices)) == 1_201
        assert connection.scalar(select(func.min(devices.c.strong))) == 2


entries = st.lists(
    st.builds(
        sighting,
        st.sampled_from("abc"),
        st.sampled_from(Grade),
        st.integers(0, 3 * 1_440).map(lambda minute: NOON + minute * 60),
        count=st.integers(1, 3),
    ),
    min_size=1,
    max_size=20,
)


@given(entries, st.integers(1, 20))
def test_batches_do_not_matter(seen: list, size: int) -> None:
    """However sightings in order of time are cut into batches, the row is the fold of the evidence."""
    seen.sort(key=lambda one: (one.time, one.rule, one.grade))
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    write(engine, *[map(attributed, seen[start : start + size]) for start in range(0, len(seen), size)])
    with engine.connect() as connection:
        stored = from_row(connection.execute(select(devices)).one())
    engine.dispose()
    expected = gather(Attribution.DEVICE, [Observation(one.time, one.rule, one.grade, one.count) for one in seen])
    assert expected
    assert stored._replace(families=(), proof=()) == expected._replace(families=(), proof=())
    assert stored.families == expected.families
