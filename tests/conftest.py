"""What every test may use: programs of the system, free ports, and processes that end with the test.

A failing test shows what the programs it ran have written.
"""

import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.append(str(Path(__file__).parents[1]))  # at the end: what is tested is what is installed

from dnsfilter import is_compiled
from tests import processes as programs
from tests.e2e.server import ENVIRONMENT
from tests.fakes.postgresql import Postgresql, running_postgresql

os.environ.update(ENVIRONMENT)

settings.register_profile("any machine", deadline=None)  # what takes long on a busy one is no failure
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def require_program() -> Callable[[str, str], str]:
    """Return the path of a program; skip without it, fail in CI."""
    return programs.require_program


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Hand out ports that nobody else uses."""
    return programs.free_port


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[programs.Processes]:
    """Start programs that end with the test."""
    with programs.Processes(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def module_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[programs.Processes]:
    """Start programs that end with the module."""
    with programs.Processes(tmp_path_factory.mktemp("programs")) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgresql]:
    """Run one PostgreSQL for all tests of this process."""
    with running_postgresql(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("interpreted") and is_compiled():
        pytest.skip("the query path is compiled: the same tests run on its source too")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.extend((f"output of {name}", output) for name, output in programs.outputs())
    return report
