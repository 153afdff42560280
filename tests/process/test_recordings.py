"""Opening recordings."""

import os
from pathlib import Path

import pytest

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem
from dnsfilter.process.recordings import open_recording
from dnsfilter.recording.lookup import Lookup
from tests.fakes.captures import ethernet, pcap, query, udp

CONFIGURATION = Configuration()


def test_file(tmp_path: Path) -> None:
    """A file is read; DNS is what goes to port 53 and to the ports that we listen on."""
    file = tmp_path / "x.pcap"
    packets = [ethernet(udp("192.0.2.1", "192.0.2.2", query("a.example"), port=port)) for port in (53, 5353, 5354)]
    file.write_bytes(pcap([(1.0, packet) for packet in packets]))
    assert list(open_recording(file, CONFIGURATION)) == [Lookup(1.0, "192.0.2.1", "a.example")] * 2


def test_pipe(tmp_path: Path) -> None:
    """What cannot be mapped is read."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if os.fork() == 0:
        pipe.write_text("time,client,name\n1970-01-01T00:00:01Z,c,a.example\n")
        os._exit(0)
    found = list(open_recording(pipe, CONFIGURATION))
    os.wait()
    assert found == [Lookup(1.0, "c", "a.example")]


def test_empty(tmp_path: Path) -> None:
    """An empty file is a table without a header."""
    file = tmp_path / "x.csv"
    file.touch()
    (problem,) = open_recording(file, CONFIGURATION)
    assert isinstance(problem, Problem)
    assert "has no column 'time'" in str(problem)


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or is none, is one error with its name."""
    with pytest.raises(InputError, match="cannot be read: No such file"):
        open_recording(tmp_path / "nothing.csv", CONFIGURATION)
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        open_recording(tmp_path, CONFIGURATION)
