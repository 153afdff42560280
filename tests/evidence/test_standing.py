"""What follows from evidence, under every order of events that a state machine can think of."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dnsfilter.evidence.record import WINDOW, Attribution, Observation, Record, advance, attribute, begin, gather
from dnsfilter.evidence.standing import RELEASE_AFTER, Circumstances, Consequence, Terms, judge, valid_from
from dnsfilter.model import Grade, Phase, Standing

DAY = 86_400.0
HOUR = 3_600.0
NOW = 100 * DAY
QUARANTINE = Terms("order", Phase.QUARANTINE, RELEASE_AFTER)
HELD = {"order": Consequence.QUARANTINE}


def confirmed(at: float = NOW - HOUR) -> Record:
    """Return the record of a device that two families confirm."""
    record = gather(Attribution.DEVICE, [Observation(at, family, Grade.STRONG) for family in "ab"])
    assert record
    assert record.standing is Standing.CONFIRMED
    return record


def quarantined() -> Record:
    """Return the record of a device in quarantine."""
    found = judge(confirmed(), {}, known(), NOW)
    assert found.record.standing is Standing.QUARANTINED
    return found.record


def known(*terms: Terms, **changes: object) -> Circumstances:
    """Return circumstances of a known device under one policy in its quarantine phase."""
    return Circumstances(terms or (QUARANTINE,), is_known=True)._replace(**changes)  # type: ignore[arg-type]


def test_quarantines() -> None:
    """Confirmed evidence of today against a known device, in the phase, is what it takes."""
    found = judge(confirmed(), {}, known(), NOW)
    assert (found.record.standing, found.record.since, found.consequences) == (Standing.QUARANTINED, NOW, HELD)
    assert found.reason == "confirmed under order"


@pytest.mark.parametrize(
    ("record", "circumstances", "consequences"),
    [
        (confirmed(), known(QUARANTINE._replace(phase=Phase.ENFORCE)), {}),
        (confirmed(), known(QUARANTINE._replace(phase=None)), {}),
        (confirmed(), known(QUARANTINE._replace(dry_run=True)), {"order": Consequence.DRY_RUN}),
        (confirmed(), known(QUARANTINE._replace(has_room=False)), {"order": Consequence.CAPPED}),
        (confirmed(), known(is_known=False), {}),
        (confirmed(), known(is_clock_steady=False), {}),
        (confirmed(NOW + 1), known(), {}),
        (confirmed(NOW - WINDOW - 1), known(), {}),
    ],
)
def test_stays_confirmed(record: Record, circumstances: Circumstances, consequences: dict[str, Consequence]) -> None:
    """Not the phase, dry run, no room, no such device, a clock that jumped, evidence of tomorrow or of days ago."""
    found = judge(record, {}, circumstances, NOW)
    assert (found.record.standing, found.consequences) == (Standing.CONFIRMED, consequences)


@pytest.mark.parametrize("observations", [[], [Observation(NOW - HOUR, "a", Grade.STRONG)]])
def test_less_is_not_enough(observations: list[Observation]) -> None:
    """Weak sightings and one family quarantine nobody."""
    seen = [Observation(NOW - HOUR, name, Grade.WEAK) for name in "wxyz"]
    record = gather(Attribution.DEVICE, [*seen, *observations])
    assert record
    found = judge(record, {}, known(), NOW)
    assert (found.record, found.consequences) == (record, {})


def test_who_may_not_be_flagged_never_is() -> None:
    """A client that is no device stays unattributable whatever the circumstances claim."""
    record = gather(Attribution.UNKNOWN, [Observation(NOW - HOUR, family, Grade.STRONG) for family in "ab"])
    assert record
    assert judge(record, HELD, known(exempt_until=NOW + 1), NOW)[:2] == (record, {})


def test_what_is_held_stays() -> None:
    """A quarantined device stays so though its evidence is a few days old, the cap is full or the clock unsteady."""
    terms = QUARANTINE._replace(has_room=False)
    for circumstances, now in ((known(terms), NOW + 3 * DAY), (known(is_clock_steady=False), NOW - 50 * DAY)):
        found = judge(quarantined(), HELD, circumstances, now)
        assert (found.record.standing, found.consequences) == (Standing.QUARANTINED, HELD)


@pytest.mark.parametrize(
    "circumstances",
    [
        known(QUARANTINE._replace(dry_run=True)),
        known(QUARANTINE._replace(phase=Phase.ENFORCE)),
        known(is_known=False),
        Circumstances((), is_known=True),
    ],
)
def test_what_no_policy_wants_ends(circumstances: Circumstances) -> None:
    """Dry run, another phase, no policy, or a device that left the inventory: confirmed, no longer quarantined."""
    found = judge(quarantined(), HELD, circumstances, NOW + HOUR)
    assert (found.record.standing, HELD.items() & found.consequences.items()) == (Standing.CONFIRMED, set())


@pytest.mark.parametrize("record", [confirmed(), quarantined(), gather(Attribution.DEVICE, [
    Observation(NOW - HOUR, "a", Grade.STRONG)])])  # fmt: skip
def test_releases(record: Record) -> None:
    """After `release_after` without evidence a device is clear, not a second sooner, and begins anew."""
    end = NOW - HOUR + RELEASE_AFTER
    assert judge(record, HELD, known(), end - 1).record.standing is not Standing.CLEAR
    assert judge(record, HELD, known(is_clock_steady=False), end).record.standing is record.standing
    found = judge(record, HELD, known(), end)
    assert (found.record.standing, found.record.since, found.consequences) == (Standing.CLEAR, end, {})
    again = advance(found.record, Observation(end + 60, "c", Grade.STRONG))
    assert again.standing is Standing.SUSPECTED


def test_weak_sightings_do_not_delay_release() -> None:
    """Somebody who goes on watching in a browser has removed the app all the same."""
    record = advance(quarantined(), Observation(NOW + 6 * DAY, "w", Grade.WEAK))
    assert judge(record, HELD, known(), NOW + 7 * DAY).record.standing is Standing.CLEAR


def test_the_longest_release_counts() -> None:
    """Under two policies a device is released when the more patient one says so."""
    terms = [QUARANTINE, Terms("patient", Phase.ENFORCE, 30 * DAY)]
    assert judge(quarantined(), HELD, known(*terms), NOW + 20 * DAY).record.standing is Standing.QUARANTINED
    assert judge(quarantined(), HELD, known(*terms), NOW + 30 * DAY).record.standing is Standing.CLEAR


def test_clearing() -> None:
    """Cleared means clear, evidence from before or the same minute does not return, later evidence counts."""
    at = NOW + 10.0
    found = judge(quarantined(), HELD, known(cleared=at), at + 1)
    assert (found.record.standing, found.record.since, found.consequences) == (Standing.CLEAR, at, {})
    assert found.reason == "cleared"
    late = [Observation(NOW - 60 * minute, family, Grade.STRONG) for minute, family in enumerate("cde")]
    record = found.record
    for observation in late:
        record = advance(record, observation, valid_from(at))
    assert record.standing is Standing.CLEAR
    for family in "ab":
        record = advance(record, Observation(valid_from(at), family, Grade.STRONG), valid_from(at))
    assert judge(record, {}, known(cleared=at), valid_from(at)).record.standing is Standing.QUARANTINED


def test_exemption() -> None:
    """Exempt until the time, whatever is seen; then what the evidence says, unless it is long ago."""
    found = judge(quarantined(), HELD, known(exempt_until=NOW + DAY), NOW)
    assert (found.record.standing, found.consequences) == (Standing.EXEMPT, {})
    record = advance(found.record, Observation(NOW + HOUR, "c", Grade.STRONG))
    assert judge(record, {}, known(exempt_until=NOW + DAY), NOW + DAY - 1).record == record
    assert judge(record, {}, known(exempt_until=NOW + DAY), NOW + DAY).record.standing is Standing.QUARANTINED
    assert judge(record, {}, known(exempt_until=NOW + DAY), NOW + 2 * DAY).record.standing is Standing.CONFIRMED
    assert judge(record, {}, known(exempt_until=NOW + DAY, is_clock_steady=False), NOW + DAY).record == record
    cleared = judge(record, {}, known(exempt_until=NOW + DAY, cleared=NOW + 2 * HOUR), NOW + 3 * HOUR).record
    assert (cleared.standing, cleared.families) == (Standing.EXEMPT, ())
    assert judge(cleared, {}, known(), NOW + DAY).record.standing is Standing.CLEAR


@dataclass
class Surroundings:
    """What the machine changes around one device."""

    phase: Phase | None = Phase.OBSERVE
    dry_run: bool = False
    is_known: bool = True
    others: int = 0
    max_devices: int = 1
    exempt_until: float = 0.0
    cleared: float = 0.0
    is_clock_steady: bool = True


class Lives(RuleBasedStateMachine):
    """One device under one policy; after each event the device is judged, as the manager does."""

    @initialize()
    def start(self) -> None:
        """Begin with a device that was never seen."""
        self.now, self.around, self.seen = NOW, Surroundings(), list[Observation]()
        self.record = begin(Attribution.DEVICE, NOW)
        self.held: dict[str, Consequence] = {}
        self.judge()

    @rule(
        back=st.integers(-5, 50),
        family=st.sampled_from("abc"),
        grade=st.sampled_from([Grade.STRONG, Grade.STRONG, Grade.WEAK, Grade.NONE]),
    )
    def see(self, back: int, family: str, grade: Grade) -> None:
        """Let a sighting arrive, late, in order, or from a clock that is ahead."""
        observation = Observation((self.now - back * HOUR) // 60 * 60, family, grade)
        self.record = advance(self.record, observation, valid_from(self.around.cleared))
        if self.record.attribution is Attribution.DEVICE:
            self.seen.append(observation)
        self.judge()

    @rule(attribution=st.sampled_from(Attribution))
    def attribute_anew(self, attribution: Attribution) -> None:
        """Make the address ambiguous, the group unflagged, or the device known again."""
        if attribution is not self.record.attribution:
            self.seen.clear()
        self.record = attribute(self.record, attribution, self.now)
        self.judge()

    @rule(days=st.sampled_from([0.01, 0.5, 1.0, 2.0, 8.0, -0.5, -3.0, -30.0]), is_noticed=st.booleans())
    def step(self, days: float, *, is_noticed: bool) -> None:
        """Time passes, or the clock is stepped; backwards it may happen while nobody runs who could notice."""
        self.now += days * DAY
        self.around.is_clock_steady = not is_noticed
        self.judge()

    @rule(change=st.sampled_from([("phase", phase) for phase in (None, *Phase)] + [
        ("dry_run", True), ("dry_run", False), ("is_known", True), ("is_known", False), ("others", 0), ("others", 1),
        ("max_devices", 0), ("max_devices", 1)]))  # fmt: skip
    def change(self, change: tuple[str, object]) -> None:
        """Change the policy or the inventory, or let other devices fill the cap."""
        setattr(self.around, *change)
        self.judge()

    @rule(days=st.sampled_from([-1.0, 0.1, 5.0]))
    def exempt(self, days: float) -> None:
        """Somebody exempts the device, or ends that."""
        self.around.exempt_until = self.now + days * DAY
        self.judge()

    @rule()
    def clear(self) -> None:
        """Somebody clears the device."""
        self.around.cleared = self.now
        self.seen = [seen for seen in self.seen if seen.time >= valid_from(self.now)]
        self.judge()

    @rule()
    def restart(self) -> None:
        """All that is left is what the store holds; judging again changes nothing."""
        before = self.record, self.held
        self.judge()
        assert (self.record, self.held) == before

    def judge(self) -> None:
        """Judge the device as the manager does."""
        around, was = self.around, self.record.standing
        has_room = around.others + bool(self.held.get("order") is Consequence.QUARANTINE) < around.max_devices
        terms = Terms("order", around.phase, RELEASE_AFTER, around.dry_run, has_room)
        circumstances = Circumstances(
            (terms,), around.is_known, around.exempt_until, around.cleared, around.is_clock_steady
        )
        held = self.held
        self.record, found, _ = judge(self.record, held, circumstances, self.now)
        self.held = dict(found)
        if self.record.standing is Standing.QUARANTINED and was is not Standing.QUARANTINED:
            self.check_entry(has_room=has_room)

    def check_entry(self, *, has_room: bool) -> None:
        """Check all that a quarantine takes, from the events alone."""
        around = self.around
        assert around.phase is Phase.QUARANTINE
        assert around.is_known
        assert not around.dry_run
        assert has_room
        assert around.is_clock_steady
        assert around.exempt_until <= self.now
        assert self.record.attribution is Attribution.DEVICE
        strong = [seen for seen in self.seen if seen.grade is Grade.STRONG and seen.time <= self.now]
        assert any(
            one.family != other.family and abs(one.time - other.time) <= WINDOW for one in strong for other in strong
        )
        assert max(seen.time for seen in strong) >= self.now - WINDOW

    @invariant()
    def standing_and_consequences_agree(self) -> None:
        """Check that a device is quarantined exactly while a policy holds it, and on evidence."""
        is_held = Consequence.QUARANTINE in self.held.values()
        assert is_held == (self.record.standing is Standing.QUARANTINED)
        assert not is_held or len(set(self.record.proof)) == 2
        if self.record.standing not in {Standing.CONFIRMED, Standing.QUARANTINED}:
            assert self.held == {}


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
