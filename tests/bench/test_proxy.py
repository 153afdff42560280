"""The proxy's benchmark still runs; how fast anything is, is for people to read."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import handshakes
from tests.bench.proxy import CONCURRENCY, Contender, Load, Result, make_load, measure, print_table, start_serve
from tests.processes import Processes


@pytest.fixture(scope="module")
def contender(module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Contender:
    """Start a proxy."""
    return start_serve(module_processes, tmp_path_factory.mktemp("serve"), "serve", 1)


@pytest.mark.parametrize("make", [make_load, handshakes.make_load])
def test_every_connection_arrives(contender: Contender, tmp_path: Path, make: Callable[[Path], Load]) -> None:
    """Both loads get through a real proxy, as often as they are told, and tell what that took."""
    found = measure(contender, make(tmp_path), 2 * CONCURRENCY)
    assert found.cpu > 0
    assert found.load > 0
    assert found.rate > 0
    assert found.p99 > 0


def test_prints_what_there_are_bars_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The table has a line for each contender and each bar, ratios taken within a round."""
    names = ("bare", "one-line", "addon", "serve", "serve x2")
    rounds = [
        {name: Result(factor * (1 + index), 0.1, 100.0, 5.0) for index, name in enumerate(names)} for factor in (1, 3)
    ]
    print_table(rounds)
    printed = capsys.readouterr().out
    assert re.search(r"^CPU: serve / bare +4\.00   bar <= 0\.9$", printed, re.MULTILINE)
    assert re.search(r"^throughput: serve x2 / x1 +1\.00   bar >= 1\.7$", printed, re.MULTILINE)
