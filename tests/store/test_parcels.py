"""Parcels: which are stored already, and for how long that is known."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from dnsfilter.store.parcels import REMEMBERED_SECONDS, Parcel, forget_senders, list_taken, note_taken, unpack
from tests.fakes.sightings import NOON, attributed, sighting


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=30), st.data())
def test_each_is_unpacked_once(events: list[tuple[str, bool]], data: st.DataObject) -> None:
    """However often senders repeat their last parcel, and however parcels are taken together, each is unpacked once."""
    numbers = {"a": 0, "b": 0}
    parcels = []
    for sender, is_repeated in events:
        numbers[sender] += not (is_repeated and numbers[sender])
        parcels.append(Parcel(sender, numbers[sender], [attributed(sighting(f"{sender}{numbers[sender]}"))]))
    taken: dict[str, int] = {}
    found = []
    while parcels:
        size = data.draw(st.integers(1, len(parcels)))
        entries, last = unpack(parcels[:size], taken)
        found += [entry.sighting.rule for entry in entries]
        taken.update(last)
        parcels = parcels[size:]
    wanted = [f"{sender}{number}" for sender, last in numbers.items() for number in range(1, last + 1)]
    assert sorted(found) == sorted(wanted)


def test_who_is_silent_is_forgotten(engine: Engine) -> None:
    """The last number of a sender is kept, then replaced, and goes when nothing has come for long."""
    with engine.begin() as connection:
        note_taken(connection, {"worker-0 1": 7, "worker-1 1": 1}, NOON)
        note_taken(connection, {"worker-0 1": 8}, NOON + REMEMBERED_SECONDS)
        assert list_taken(connection) == {"worker-0 1": 8, "worker-1 1": 1}
        forget_senders(connection, NOON + REMEMBERED_SECONDS + 1)
        assert list_taken(connection) == {"worker-0 1": 8}
