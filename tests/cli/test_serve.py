"""`dnsfilter serve` as a command; what it runs is proven with process/serve."""

import pytest
from click.testing import CliRunner

from dnsfilter.cli.serve import serve
from dnsfilter.process import serve as running


@pytest.mark.parametrize("status", [0, 2])
def test_ends_with_the_status_of_what_it_ran(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """The file goes on to what runs, whose status is the command's."""
    given: list[object] = []

    def run(path: object) -> int:
        given.append(path)
        return status

    monkeypatch.setattr(running, "serve", run)
    assert CliRunner().invoke(serve, ["-c", "a.yaml"]).exit_code == status
    assert CliRunner().invoke(serve).exit_code == status
    assert list(map(str, given)) == ["a.yaml", "None"]


def test_takes_no_arguments() -> None:
    """A word too many is a wrong argument."""
    assert CliRunner().invoke(serve, ["now"]).exit_code == 2
