"""The sample: what many ask for is told, what few ask for never is, in bounded memory."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsfilter import sample as module
from dnsfilter.memo import Entry
from dnsfilter.model import Decision, Outcome
from dnsfilter.policy.decisions import NOT_LISTED
from dnsfilter.sample import DAY, TOTAL, Sample, mark_of
from dnsfilter.settings.operation import Sample as Bounds
from dnsfilter.wire.name import from_text

MARKS = [1 << number for number in range(30)]


def make(**bounds: int) -> Sample:
    """Return a sample that is open."""
    sample = Sample()
    sample.adopt(Bounds.model_validate({"enabled": True, "clients": 5, **bounds}))
    sample.end_second(0.0)
    return sample


def ask(sample: Sample, name: str, clients: int) -> None:
    """Let so many clients ask for a name."""
    for mark in MARKS[:clients]:
        sample.note(name, mark)


def hit(
    name: str, hits: int, outcome: Outcome = Outcome.CACHED, rcode: int = 0, decision: Decision = NOT_LISTED
) -> Entry:
    """Return an entry of a memo that was hit."""
    entry = Entry(bytes(10) + from_text(name) + b"\0\1\0\1", decision, outcome, rcode)
    entry.hits = hits
    return entry


def test_is_off_unless_asked_for() -> None:
    """By default nothing is open and nothing told."""
    sample = Sample()
    sample.adopt(Bounds())
    assert (sample.is_open, sample.end_second(0.0), sample.is_open) == (False, {}, False)


def test_only_what_many_ask_for_is_told() -> None:
    """A name leaves when enough clients asked for it, with all its counts; the others are part of the total."""
    sample = make()
    ask(sample, "many.example", 4)
    ask(sample, "few.example", 4)
    assert sample.end_second(1.0) == {TOTAL: 8}
    ask(sample, "many.example", 5)
    assert sample.end_second(2.0) == {TOTAL: 5, "many.example": 9}
    ask(sample, "many.example", 1)
    ask(sample, "few.example", 1)
    assert sample.end_second(3.0) == {TOTAL: 2, "many.example": 1}


def test_one_client_is_never_enough() -> None:
    """However often one client asks, also within the memo, its names are not told."""
    sample = make()
    for second in range(100):
        sample.note("secret.example", MARKS[3])
        sample.read_hits([hit("secret.example", 50)])
        assert set(sample.end_second(float(second))) == {TOTAL}


def test_listens_to_the_memo_now_and_then() -> None:
    """In some seconds entries of names that are not common say who hits them; those that a policy watches always do."""
    sample = make()
    entry, common, listed = hit("many.example", 1), hit("common.example", 1), hit("listed.example", 1, Outcome.OBSERVED)
    listed.seen = {}
    ask(sample, "common.example", 5)
    listened = 0
    for second in range(2 * module.LISTEN_EVERY):
        sample.read_hits([entry, common, listed])
        told = sample.end_second(float(second))
        assert common.seen is None
        assert listed.seen == {}
        if entry.seen is not None:
            listened += 1
            entry.seen.update({bytes([10, 0, 0, number]): 1 for number in range(listened * 4)})
    assert listened == 2
    assert entry.seen is None
    sample.read_hits([entry])
    assert sample.end_second(99.0) == {TOTAL: 1, "many.example": 1}
    assert told["many.example"] == 2 * module.LISTEN_EVERY


def test_who_is_unknown_has_no_mark() -> None:
    """A client that the caller has no mark for makes no name common."""
    sample = Sample()
    sample.adopt(Bounds.model_validate({"enabled": True, "clients": 5}), lambda _: 0)
    sample.end_second(0.0)
    entry = hit("many.example", 9, Outcome.OBSERVED)
    entry.seen = {bytes([10, 0, 0, number]): 1 for number in range(9)}
    sample.read_hits([entry])
    assert sample.end_second(1.0) == {TOTAL: 9}


def test_hits_of_the_memo_count() -> None:
    """Hits count under the canonical name; blocked, local and failed answers are not resolved names."""
    sample = make()
    ask(sample, "many.example", 5)
    others = [
        hit("many.example", 7, Outcome.BLOCKED),
        hit("many.example", 7, Outcome.LOCAL),
        hit("many.example", 7, rcode=3),
    ]
    sample.read_hits([hit("MANY.example", 40), hit("few.example", 2), *others])
    assert sample.end_second(1.0) == {TOTAL: 47, "many.example": 45}


def test_a_day_is_forgotten() -> None:
    """Who asked yesterday does not make a name common today."""
    sample = make()
    ask(sample, "a.example", 4)
    sample.end_second(1.0)
    ask(sample, "a.example", 5)
    assert sample.end_second(DAY + 1.0) == {}
    ask(sample, "a.example", 4)
    assert sample.end_second(DAY + 2.0) == {TOTAL: 4}


def test_other_bounds_begin_anew() -> None:
    """Switched off, nothing is left; the same bounds again change nothing."""
    sample = make()
    ask(sample, "a.example", 4)
    sample.end_second(1.0)
    sample.adopt(Bounds.model_validate({"enabled": True, "clients": 5}))
    ask(sample, "a.example", 5)
    assert sample.end_second(2.0)["a.example"] == 9
    sample.adopt(Bounds())
    assert (sample.is_open, sample.end_second(3.0)) == (False, {})


def test_much_is_paid_for() -> None:
    """A second with much to look at is followed by closed ones, and counts for them."""
    sample = make()
    for _ in range(5):
        ask(sample, "a.example", 20)
        ask(sample, "b.example", 20)
    seconds = 1 + 200 // module.PACE
    assert sample.end_second(1.0) == {TOTAL: 200 * seconds, "a.example": 100 * seconds, "b.example": 100 * seconds}
    for second in range(seconds - 1):
        assert not sample.is_open
        assert sample.end_second(2.0 + second) == {}
    assert sample.is_open


def test_more_than_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the bound of a second is estimated from what is within."""
    monkeypatch.setattr(module, "MAX_NOTED", 10)
    sample = make()
    for _ in range(8):
        ask(sample, "a.example", 5)
    sample.read_hits([hit("a.example", 2) for _ in range(25)])
    assert sample.end_second(1.0) == {
        TOTAL: 94,
        "a.example": 94,
    }  # 4 times 10, and of 25 entries each third: 9 of 2, 3 times


def test_what_leaves_in_a_second_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not leave at once leaves later, and once."""
    monkeypatch.setattr(module, "MAX_HANDED_OVER", 3)
    sample = make()
    for number in range(8):
        ask(sample, f"n{number}.example", 5)
    parts = [sample.end_second(second) for second in (1.0, 2.0, 3.0, 4.0)]
    assert [len(part.keys() - {TOTAL}) for part in parts] == [3, 3, 2, 0]
    assert sum((Counter(part) for part in parts), Counter()) == {TOTAL: 40} | {
        f"n{number}.example": 5 for number in range(8)
    }


def test_memory_is_bounded() -> None:
    """A flood of names that nobody else asks for does not displace what many ask for."""
    sample = make(names=100)
    ask(sample, "many.example", 5)
    sample.end_second(1.0)
    ask(sample, "soon.example", 4)
    for second in range(20):
        for number in range(150):
            sample.note(f"{second}-{number}.flood.example", MARKS[0])
        sample.end_second(1.0)
        assert len(sample._candidates) <= 100 + 150
    sample.note("many.example", MARKS[0])
    sample.note("soon.example", MARKS[9])
    told = sample.end_second(1.0)
    assert (told["many.example"], told["soon.example"]) == (1, 5)


def test_marks() -> None:
    """A client has the same bit each time, and a few hundred clients have many different ones."""
    assert mark_of("d-1") == mark_of("d-1")
    marks = {mark_of(f"10.0.0.{number}") for number in range(250)}
    assert all(mark.bit_count() == 1 for mark in marks)
    assert len(marks) > 100


@given(st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), max_size=30), max_size=20))
@settings(max_examples=200)
def test_never_a_name_of_few(seconds: list[list[tuple[str, int]]]) -> None:
    """Whatever is asked by whom, no name of fewer clients is told, and no more than was asked for."""
    sample = make()
    clients: dict[str, set[int]] = {}
    asked: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for second in seconds:
        for name, client in second:
            sample.note(name, MARKS[client])
            clients.setdefault(name, set()).add(client)
            asked[name] += 1
        told.update(sample.end_second(1.0))
    assert told.pop(TOTAL, 0) == sum(asked.values())
    assert told == {name: asked[name] for name in asked if len(clients[name]) >= 5}
