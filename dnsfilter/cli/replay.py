"""`dnsfilter replay`: the policy over what was recorded."""

import os
import sys
from pathlib import Path

import click

from dnsfilter.cli.moments import read_moment
from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.cli.output import Fields, format_time, print_rows
from dnsfilter.cli.progress import showing
from dnsfilter.config import Configuration
from dnsfilter.feeds.clients import read_client_sources
from dnsfilter.process.publisher import compile_all
from dnsfilter.process.recordings import open_recording
from dnsfilter.process.replay import Replay, gather
from dnsfilter.store.devices import SEVERITY, DeviceSummary
from dnsfilter.store.pseudonyms import KEY_BYTES, Pseudonyms, read_key

_COLUMNS = ("client", "id", "group", "standing", "last_seen", "sightings", "explanation")
_TIMES = ("since", "first_seen", "last_seen")


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--at", "moment", help="Decide as the policy does at this date or RFC 3339 time; default when recorded.")
@configuration_option
@json_option
def replay(file: Path, moment: str | None, configuration_file: Path | None, *, as_json: bool) -> None:
    """Say who would be flagged, had dnsfilter seen what a CSV, pcap, pcapng or dnstap file has recorded.

    What cannot be read is a warning and the rest goes on; exit status 2 when nothing can be read.

    \b
    Examples:
      dnsfilter replay lookups.csv
      dnsfilter replay capture.pcap --at 2023-03-15 --json
    """
    with showing("reading lists") as progress:
        configuration, lists, _ = compile_all(configuration_file)
        at = None if moment is None else read_moment(moment, configuration)
        progress.begin(f"reading {file}")
        recording = gather(progress.count(open_recording(file, configuration), "lookups"), lists)
        progress.begin("weighing the evidence")
        sources = read_client_sources(configuration)
        found = Replay(configuration, lists, sources, _pseudonyms(configuration), at).run(recording)
    for problem in recording.problems:
        click.echo(f"warning: {problem}", err=True)
    found.sort(key=lambda each: -SEVERITY.index(each[1].standing))
    print_rows((_describe(client, summary) for client, summary in found), _COLUMNS, as_json=as_json)
    if recording.problems and not recording.clients:
        sys.exit(2)


def _pseudonyms(configuration: Configuration) -> Pseudonyms:
    """Return those that the store knows devices by; where there is no key yet, some that nothing else knows."""
    key = Path(configuration.privacy.pseudonym_key)
    return Pseudonyms(read_key(key) if key.exists() else os.urandom(KEY_BYTES))


def _describe(client: str, summary: DeviceSummary) -> Fields:
    return {"client": client, **summary._asdict(), **{name: format_time(getattr(summary, name)) for name in _TIMES}}
