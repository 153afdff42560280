"""From observations to a standing."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.evidence.record import (
    MAX_FAMILIES,
    WINDOW,
    Attribution,
    Observation,
    Record,
    advance,
    advance_all,
    attribute,
    begin,
    gather,
)
from dnsfilter.model import Grade, Standing

HOUR = 3600.0
DAY = 24 * HOUR
STRONG, WEAK, NONE = Grade.STRONG, Grade.WEAK, Grade.NONE


def collect(observations: list[Observation], attribution: Attribution = Attribution.DEVICE) -> Record:
    """Return the record of at least one observation."""
    record = gather(attribution, observations)
    assert record
    return record


@pytest.mark.parametrize(
    ("observations", "standing"),
    [
        ([(0.0, "a", WEAK)], Standing.CLEAR),
        ([(0.0, "a", NONE), (1.0, "b", NONE)], Standing.CLEAR),
        ([(hour * HOUR, f"w{hour}", WEAK) for hour in range(20)], Standing.CLEAR),
        ([(0.0, "a", STRONG)], Standing.SUSPECTED),
        ([(0.0, "a", STRONG), (1.0, "a", STRONG)], Standing.SUSPECTED),
        ([(0.0, "a", STRONG), (1.0, "b", WEAK)], Standing.SUSPECTED),
        ([(0.0, "a", STRONG), (1.0, "b", NONE)], Standing.SUSPECTED),
        ([(0.0, "a", STRONG), (DAY + 1, "b", STRONG)], Standing.SUSPECTED),
        ([(0.0, "a", STRONG), (DAY, "b", STRONG)], Standing.CONFIRMED),
        ([(DAY, "b", STRONG), (0.0, "a", STRONG)], Standing.CONFIRMED),
        ([(0.0, "a", STRONG), (2 * DAY, "a", STRONG), (2 * DAY + 1, "b", STRONG)], Standing.CONFIRMED),
        ([(0.0, "a", STRONG), (1.0, "b", STRONG), (90 * DAY, "c", WEAK)], Standing.CONFIRMED),
    ],
)
def test_standing(observations: list[tuple[float, str, Grade]], standing: Standing) -> None:
    """Two different strong families within 24 h confirm, one suspects, everything else is what a browser does."""
    assert collect([Observation(*values) for values in observations]).standing is standing


@pytest.mark.parametrize(
    ("families", "standing"),
    [
        (("api*.tiktokv.eu", "rtlog*.tiktokv.eu"), Standing.CONFIRMED),
        (("api*.tiktokv.eu", "rtlog*.tiktokv.us"), Standing.CONFIRMED),
        (("api*.tiktokv.com", "api*.us.tiktokv.com", "api*.tiktokv.us"), Standing.SUSPECTED),
        (("api*.tiktokv.com", "xzcs3zlph.com"), Standing.CONFIRMED),
        (("xzcs3zlph.com", "qfyf1toi.com"), Standing.CONFIRMED),
        (("api*.tiktokv.eu", "pinned api*.tiktokv.eu", "request by the app (api*)"), Standing.SUSPECTED),
        (("request by the app (api*)", "pinned api*.tiktokv.us"), Standing.SUSPECTED),
        (("request by the app (api*)", "rtlog*.tiktokv.eu"), Standing.CONFIRMED),
        (("request by the app (api*)", "request by the app's browser"), Standing.CONFIRMED),
    ],
)
def test_one_service_in_two_zones_is_one(families: tuple[str, ...], standing: Standing) -> None:
    """Patterns that differ only in the zone are one service, as are signs named after it; others are what they say."""
    assert collect([Observation(0.0, family, STRONG) for family in families]).standing is standing


@pytest.mark.parametrize("attribution", [Attribution.UNKNOWN, Attribution.UNFLAGGED])
def test_unattributable(attribution: Attribution) -> None:
    """Who may not be flagged stays unattributable whatever is seen, and is counted."""
    record = collect([Observation(0.0, "a", STRONG), Observation(1.0, "b", STRONG, 2)], attribution)
    assert (record.standing, record.strong, record.families) == (Standing.UNATTRIBUTABLE, 3, ())


def test_since_is_when_the_proof_was_complete() -> None:
    """The time of a standing is that of the sighting that caused it, not of later ones."""
    observations = [Observation(hour * HOUR, family, STRONG) for hour, family in enumerate("aabbb")]
    assert collect(observations).since == 2 * HOUR


def test_another_attribution_begins_anew() -> None:
    """What was seen while nobody could be accused is no evidence once the address has a name."""
    unknown = collect([Observation(0.0, "a", STRONG)], Attribution.UNKNOWN)
    known = advance(attribute(unknown, Attribution.DEVICE, 1.0), Observation(1.0, "b", STRONG))
    assert (known.standing, known.sightings) == (Standing.SUSPECTED, 2)
    assert attribute(known, Attribution.UNFLAGGED, 2.0).standing is Standing.UNATTRIBUTABLE
    assert attribute(known, Attribution.DEVICE, 2.0) is known


def test_counts() -> None:
    """Sightings by grade, first and last time, and the days on which there were any."""
    record = collect(
        [Observation(time, "a", grade, 2) for time, grade in ((DAY, WEAK), (3 * DAY, STRONG), (1.0, NONE))]
    )
    assert record.grades == {STRONG: 2, WEAK: 2, NONE: 2}
    assert (record.sightings, record.first_seen, record.last_seen, record.days) == (6, 1.0, 3 * DAY, 2)


observations = st.lists(
    st.builds(
        Observation,
        st.integers(0, 5 * 24 * 60).map(lambda minute: minute * 60.0),
        st.sampled_from("abcd"),
        st.sampled_from(Grade),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=30,
)


@given(observations, observations, st.integers(0, 5).map(lambda day: day * DAY), st.sampled_from(Attribution))
def test_all_at_once_is_one_after_the_other(
    before: list[Observation], seen: list[Observation], valid_from: float, attribution: Attribution
) -> None:
    """Observations that are added together make the record that they make one by one."""
    found = single = collect(before, attribution)
    for observation in seen:
        single = advance(single, observation, valid_from)
    assert advance_all(found, seen, valid_from) == single


@given(observations)
def test_never_confirms_without_two_strong_families(seen: list[Observation]) -> None:
    """No order of events confirms a device without two different strong families within 24 h."""
    record = collect(seen)
    strong = [observation for observation in seen if observation.grade is STRONG]
    is_proven = any(
        one.family != other.family and abs(one.time - other.time) <= WINDOW for one in strong for other in strong
    )
    if record.standing is Standing.CONFIRMED:
        assert is_proven
        assert set(record.proof) <= {observation.family for observation in strong}
        assert len(set(record.proof)) == 2
    assert (record.standing is Standing.CLEAR) == (not strong)


@given(observations)
def test_finds_every_proof_that_arrives_in_order(seen: list[Observation]) -> None:
    """Where sightings arrive in the order of their times, no pair of strong families within 24 h is missed."""
    record = collect(sorted(seen))
    strong = [observation for observation in seen if observation.grade is STRONG]
    is_proven = any(
        one.family != other.family and abs(one.time - other.time) <= WINDOW for one in strong for other in strong
    )
    assert (record.standing is Standing.CONFIRMED) == is_proven


@given(observations)
def test_a_standing_only_rises(seen: list[Observation]) -> None:
    """One more sighting never makes a standing better."""
    rank = [Standing.CLEAR, Standing.SUSPECTED, Standing.CONFIRMED]
    record = begin(Attribution.DEVICE, seen[0].time)
    for observation in seen:
        following = advance(record, observation)
        assert rank.index(following.standing) >= rank.index(record.standing)
        record = following


def test_order_within_the_window_does_not_matter() -> None:
    """Three sightings within a day give the same standing and counts in every order."""
    seen = [Observation(0.0, "a", STRONG), Observation(HOUR, "b", STRONG), Observation(2 * HOUR, "a", WEAK)]
    results = {(record.standing, record.sightings) for order in permutations(seen) if (record := collect(list(order)))}
    assert results == {(Standing.CONFIRMED, 3)}


def test_families_are_bounded() -> None:
    """A list with very many strong rules does not make records grow."""
    record = collect([Observation(number * 1.0, f"family-{number}", STRONG) for number in range(200)])
    assert len(record.families) == MAX_FAMILIES


def test_nothing_seen_is_no_record() -> None:
    """Without observations there is nothing to stand for."""
    assert gather(Attribution.DEVICE, []) is None
