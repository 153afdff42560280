"""The sample in the store."""

from sqlalchemy import Engine, text

from dnsfilter.sample import DAY, TOTAL, SampledNames
from dnsfilter.store.sample import forget_names, read_sample, record_names


def test_counts_add_up(engine: Engine) -> None:
    """Counts of one name add up over writes and days; the total is no name."""
    with engine.begin() as connection:
        assert read_sample(connection) == SampledNames(0, {}, 0)
        record_names(connection, {(1, TOTAL): 10, (1, "a.example"): 3, (1, "b.example"): 2})
        record_names(connection, {(1, TOTAL): 5, (1, "a.example"): 4})
        record_names(connection, {(2, TOTAL): 1, (2, "a.example"): 1})
        assert read_sample(connection) == SampledNames(16, {"a.example": 8, "b.example": 2}, 2)


def test_days_are_forgotten(engine: Engine) -> None:
    """A day goes as a whole once its beginning is too long ago; with nothing to be kept, today goes, too."""
    with engine.begin() as connection:
        record_names(connection, {(day, "a.example"): 1 for day in range(1, 5)})
        forget_names(connection, 2 * DAY)
        assert read_sample(connection).names == {"a.example": 3}
        forget_names(connection, 2 * DAY + 1.0)
        assert read_sample(connection).names == {"a.example": 2}
        forget_names(connection, 4 * DAY + 50_000.0)
        assert read_sample(connection) == SampledNames(0, {}, 0)


def test_an_older_store(engine: Engine) -> None:
    """A store from before there were samples has none."""
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE sampled_names"))
    with engine.begin() as connection:
        assert read_sample(connection) == SampledNames(0, {}, 0)
