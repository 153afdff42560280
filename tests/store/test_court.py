"""When devices are judged."""

from collections.abc import Callable, Collection, Mapping, Sequence

import pytest
from sqlalchemy import Connection, Engine

from dnsfilter.evidence.steadiness import SETTLE_SECONDS
from dnsfilter.model import Standing
from dnsfilter.store import court as module
from dnsfilter.store.court import FULL_SECONDS, Court, Quarantined
from dnsfilter.store.decisions import Exempted, clear, exempt
from dnsfilter.store.devices import find_device
from dnsfilter.store.sightings import DeviceKey, record
from dnsfilter.store.standings import Change
from tests.fakes.orders import OneOrder
from tests.fakes.sightings import NOON, attributed, sighting

HELD = {"d-1": frozenset({"order"})}


class Clocks:
    """The two clocks of a court, set by the test."""

    def __init__(self) -> None:
        self.now = NOON + 600
        self.passed = 0.0

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self.now

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        return self.passed

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.passed += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    made = Clocks()
    monkeypatch.setattr(module, "time", made)
    return made


class Session:
    """A court over a store."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rulings: list[Quarantined] = []
        self.told: list[tuple[str, str, str]] = []
        self.court = Court(self.rulings.append, self.tell)
        self.orders = OneOrder()

    def tell(self, _: Connection, changes: Sequence[Change], capped: Collection[str] | None, _now: float) -> None:
        """Take what the court tells within its transaction."""
        self.told += [(change.device, change.before.value, change.after.value) for change in changes]
        self.capped = capped

    def see(self, families: str = "ab", time: float = NOON, device: str = "d-1") -> dict[DeviceKey, Standing]:
        """Store what the app's use leaves; return whom it concerns."""
        with self.engine.begin() as connection:
            return record(connection, [attributed(sighting(family, time=time), device) for family in families])

    def sit(self, concerned: dict[DeviceKey, Standing] | None = None) -> bool:
        """Hold a session."""
        return self.court.sit(self.engine, (lambda _: concerned) if concerned else None)


@pytest.fixture
def session(engine: Engine, clocks: Clocks) -> Session:
    """Return a court that follows one order and has judged for the first time."""
    made = Session(engine)
    made.court.follow(made.orders)
    made.sit()
    assert (made.rulings, clocks.passed) == ([{}], 0.0)
    return made


def test_without_orders_nobody_is_judged(engine: Engine, clocks: Clocks) -> None:
    """Before policies and inventory are known there is no ruling, not even an empty one."""
    session = Session(engine)
    assert not session.sit(session.see())
    clocks.wait(FULL_SECONDS)
    assert (session.sit(), session.rulings) == (False, [])


def test_judges_whom_sightings_concern(session: Session, clocks: Clocks) -> None:
    """New evidence is judged at once; the ruling is told once."""
    clocks.wait(1)
    assert session.sit(session.see())
    assert session.rulings == [{}, HELD]
    clocks.wait(FULL_SECONDS)
    assert not session.sit()
    assert session.rulings == [{}, HELD]


def test_judges_all_now_and_then(session: Session, clocks: Clocks) -> None:
    """What no sighting brings about shows within the interval."""
    session.see()
    clocks.wait(FULL_SECONDS - 1)
    assert not session.sit()
    clocks.wait(1)
    assert session.sit()
    session.orders.unknown = {"d-1"}
    clocks.wait(FULL_SECONDS)
    assert session.sit()
    assert session.rulings == [{}, HELD, {}]


def test_judges_when_somebody_decides(session: Session, clocks: Clocks) -> None:
    """A clearance and an exemption take effect at once, and the exemption ends on time."""
    session.sit(session.see())
    with session.engine.begin() as connection:
        clear(connection, "d-1", clocks.now)
    assert session.sit()
    clocks.wait(60)
    session.sit(session.see(time=clocks.now))
    with session.engine.begin() as connection:
        exempt(connection, Exempted("d-1", clocks.now + 3, "press", "T-1", "root", clocks.now))
    assert session.sit()
    clocks.wait(2.9)
    assert not session.sit()
    clocks.wait(0.1)
    assert session.sit()
    assert session.rulings == [{}, HELD, {}, HELD, {}, HELD]


def test_judges_when_a_phase_begins(session: Session, clocks: Clocks) -> None:
    """A phase date is met to the second."""
    session.orders.phase, session.orders.change = None, clocks.now + 2
    session.court.follow(session.orders)
    session.sit(session.see())
    clocks.wait(1.9)
    assert not session.sit()
    session.orders.phase, session.orders.change = OneOrder().phase, None
    clocks.wait(0.1)
    assert session.sit()
    assert session.rulings[-1] == HELD


def test_a_clock_step_quarantines_nobody(session: Session, clocks: Clocks) -> None:
    """A step across a deadline is waited out; who is confirmed by then is quarantined when the clock proves steady."""
    session.sit()
    clocks.now += 3_600
    assert not any(session.rulings)
    session.sit(session.see(time=clocks.now - 60))
    assert session.rulings == [{}]
    clocks.wait(SETTLE_SECONDS)
    session.sit()
    assert session.rulings == [{}, HELD]


def test_a_long_session_is_held_seldom(session: Session, clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where judging everybody takes seconds it is done accordingly seldom."""
    real = module.rule

    def slow(*arguments: object, **options: object) -> object:
        clocks.wait(2.0)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "rule", slow)
    clocks.wait(FULL_SECONDS)
    session.sit()
    session.see()
    clocks.wait(30.0)
    assert not session.sit()
    clocks.wait(10.0)
    assert session.sit()


def test_judges_all_after_a_failure(session: Session) -> None:
    """What a failing store kept from being judged is judged when it works again."""
    session.see()
    session.court.sit_again()
    assert session.sit()
    assert session.rulings == [{}, HELD]


def test_tells_of_cap_and_dry_run(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """The log says once that the cap is reached, who would be quarantined, and who is; it knows pseudonyms only."""
    caplog.set_level("INFO")
    session.orders.limit = 1
    session.sit(session.see())
    assert not session.court.capped
    session.sit(session.see(device="d-2"))
    assert session.court.capped == {"order"}
    session.orders.dry_run = True
    session.court.follow(session.orders)
    session.sit()
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "d-1: quarantined, was clear: confirmed under order",
        "max_devices of policy order is reached: nobody more is quarantined",
        "d-1: confirmed, was quarantined: no policy quarantines it any more",
        "d-1 would be quarantined under policy order but for dry_run",
        "d-2 would be quarantined under policy order but for dry_run",
    ]


def take(families: str = "ab", *, fails: bool = False) -> Callable[[Connection], Mapping[DeviceKey, Standing]]:
    """Return what writes sightings, and may fail after that."""

    def write(connection: Connection) -> Mapping[DeviceKey, Standing]:
        concerned = record(connection, [attributed(sighting(family)) for family in families])
        if fails:
            raise OSError("disk full")
        return concerned

    return write


def test_tells_in_the_transaction(session: Session) -> None:
    """What changes is told while sightings and standing are being written: a failure leaves neither of them."""
    with pytest.raises(OSError, match="disk full"):
        session.court.sit(session.engine, take(fails=True))
    with session.engine.connect() as connection:
        assert find_device(connection, "d-1") is None
    assert session.told == []
    session.court.sit_again()
    assert session.court.sit(session.engine, take())
    assert session.told == [("d-1", "clear", "quarantined")]


def test_without_orders_what_sightings_prove_is_told(engine: Engine, clocks: Clocks) -> None:
    """Before policies are known a device that becomes confirmed is told as such, once, and what follows later."""
    session = Session(engine)
    session.court.sit(engine, take())
    session.court.sit(engine, take("c"))
    assert (session.told, session.capped) == ([("d-1", "clear", "confirmed")], None)
    session.court.follow(session.orders)
    clocks.wait(1)
    session.court.sit(engine)
    assert session.told[1:] == [("d-1", "confirmed", "quarantined")]
