"""`dnsfilter lists sample`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from dnsfilter.cli.lists_sample import sample
from dnsfilter.feeds.samples import read_names
from dnsfilter.sample import TOTAL, SampledNames
from dnsfilter.store.database import open_store
from dnsfilter.store.sample import record_names


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Write a configuration whose store does not exist yet."""
    path = tmp_path / "dnsfilter.yaml"
    path.write_text(f"store: {{url: 'sqlite:///{tmp_path}/own.db'}}\n")
    return path


def test_prints_what_diff_reads(configuration: Path, tmp_path: Path) -> None:
    """What is printed is read back as the same sample, but for the days."""
    engine = open_store(f"sqlite:///{tmp_path}/own.db")
    with engine.begin() as connection:
        record_names(connection, {(1, TOTAL): 50, (1, "a.example"): 5, (2, "b.example"): 7})
    engine.dispose()
    done = CliRunner().invoke(sample, ["-c", str(configuration)])
    assert (done.exit_code, done.stdout) == (0, "name,count\n,50\nb.example,7\na.example,5\n")
    file = tmp_path / "sample.csv"
    file.write_text(done.stdout)
    assert read_names(file) == (SampledNames(50, {"a.example": 5, "b.example": 7}), [])


def test_nothing_is_kept(configuration: Path, tmp_path: Path) -> None:
    """Without a store, and with an empty one, the status is 1 and the reason is told."""
    for _ in range(2):
        done = CliRunner().invoke(sample, ["-c", str(configuration)])
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == "no sample is kept; sample.enabled is off\n"
        open_store(f"sqlite:///{tmp_path}/own.db").dispose()
