"""The head of exports, whatever their syntax."""

import pytest

from dnsfilter.blocklist.export import ExportFormat, Remarks, write_export
from dnsfilter.model import Match
from tests.fakes.coverage import SINKHOLE, cover, rule, suffix


@pytest.mark.parametrize("syntax", ExportFormat)
def test_the_head_says_what_is_here_and_what_is_not(syntax):
    """Comments in the syntax's own form tell the source and every loss, before the first line that means something."""
    coverage = cover(suffix("a.example"), rule(Match.PATTERN, "x*.y.example"))
    remarks = Remarks(["list a: 2 entries"], ["exception b: left out"])
    text, losses = write_export(syntax, coverage, SINKHOLE, 7, remarks)
    mark = {"rpz": ";", "adguard": "!"}.get(syntax, "#")
    head = [line.removeprefix(f"{mark} ") for line in text.splitlines() if line.startswith(mark)]
    assert head[:3] == [
        f"dnsfilter lists export --format {syntax}",
        "list a: 2 entries",
        "not expressed: exception b: left out",
    ]
    assert head[2:] == [f"not expressed: {loss}" for loss in losses]
    assert len(losses) > 1
