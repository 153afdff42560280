"""Exemptions and clearances."""

from sqlalchemy import Engine

from dnsfilter.store.decisions import (
    Exempted,
    clear,
    exempt,
    forget_decisions,
    list_clearances,
    list_exemptions,
    read_token,
)

EXEMPTION = Exempted("d-1", 2_000, "press office", "T-1", "root", 1_000)


def test_the_last_decision_counts(engine: Engine) -> None:
    """A device has one exemption and one clearance: the latest."""
    later = EXEMPTION._replace(until=3_000, ticket="T-2")
    with engine.begin() as connection:
        for decision in (EXEMPTION, later):
            exempt(connection, decision)
        for time in (1_000.9, 2_000.0):
            clear(connection, "d-2", time)
        assert list_exemptions(connection) == {"d-1": later}
        assert list_clearances(connection) == {"d-2": 2_000}


def test_the_token_tells_of_every_decision(engine: Engine) -> None:
    """Whatever is decided, or forgotten, makes another token; reading makes none."""
    tokens = []
    with engine.begin() as connection:
        for decide in (
            lambda: None,
            lambda: exempt(connection, EXEMPTION),
            lambda: exempt(connection, EXEMPTION._replace(until=5_000)),
            lambda: clear(connection, "d-1", 1_000),
            lambda: clear(connection, "d-1", 1_001),
            lambda: forget_decisions(connection, 10_000),
        ):
            decide()
            tokens.append(read_token(connection))
            assert read_token(connection) == tokens[-1]
    assert len(set(tokens[:-1])) == len(tokens) - 1
    assert tokens[-1] == tokens[0]


def test_forgets_what_is_over(engine: Engine) -> None:
    """An exemption is forgotten by its end, a clearance by its time."""
    with engine.begin() as connection:
        exempt(connection, EXEMPTION)
        clear(connection, "d-1", 1_500)
        forget_decisions(connection, 1_600)
        assert (list(list_exemptions(connection)), list_clearances(connection)) == (["d-1"], {})
        forget_decisions(connection, 2_001)
        assert list_exemptions(connection) == {}
