"""The case of letters in questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.letters import answers_but_for_case, lower, scramble
from tests.fakes.messages import NAMES, ask, respond

QUESTIONS = NAMES.map(lambda labels: ask(labels, 65)[12:])


@given(QUESTIONS, st.data())
def test_only_the_case_of_letters_changes(question: bytes, data: st.DataObject) -> None:
    """Whatever the noise, the name stays the same name, and type and class (65 looks like a letter) stay."""
    noise = data.draw(st.binary(min_size=len(question), max_size=len(question)))
    scrambled = scramble(question, noise)
    assert len(scrambled) == len(question)
    assert lower(scrambled) == lower(question)
    assert scrambled[-4:] == question[-4:]
    assert scramble(scrambled, noise) == question


def test_every_letter_follows_its_own_bit() -> None:
    """Each letter is flipped or not by one bit of noise, and all are where all bits are set."""
    question = ask("abc-9.XyZ")[12:]
    assert scramble(question, b"\0" * len(question)) == question
    assert scramble(question, b"\xff" * len(question)) == ask("ABC-9.xYz")[12:]
    variants = {scramble(question, bytes([number] * len(question))) for number in (0, 0x20, 0xDF, 0xFF)}
    assert len(variants) == 2


@pytest.mark.parametrize(
    ("name", "qtype", "answers"), [("WWW.exAMPLE", "A", True), ("www.exbmple", "A", False), ("www.example", 65, False)]
)
def test_answers_but_for_case(name: str, qtype: str | int, *, answers: bool) -> None:
    """A response to the same name and type, in whatever letters; type 97 is not type 65 in small."""
    question = ask("www.example", "A")[12:]
    assert answers_but_for_case(respond(ask(name, qtype)), question) is answers
    assert not answers_but_for_case(respond(ask("a", 97)), ask("a", 65)[12:])


@given(st.binary(max_size=60))
def test_garbage_answers_nothing(garbage: bytes) -> None:
    """No octets raise anything, and a query is no response."""
    question = ask("www.example")[12:]
    assert not answers_but_for_case(garbage, question)
    assert not answers_but_for_case(ask("www.example"), question)
