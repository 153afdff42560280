"""`dnsfilter lists update`: download all subscriptions now, and say what came of each."""

import asyncio
import sys
from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option
from dnsfilter.cli.progress import Progress, showing
from dnsfilter.cli.stores import note_action
from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.feeds.download import refresh
from dnsfilter.feeds.sources import COPIES, copy_path
from dnsfilter.feeds.state import prepare_state
from dnsfilter.settings.order import Blocklist

Result = tuple[list[str], bool]
"""What is to be said of a list, and whether its download was refused."""


@click.command()
@click.option("--accept-shrink", "shrinking", multiple=True, metavar="NAME", help="Take this list however it shrank.")
@configuration_option
def update(shrinking: tuple[str, ...], configuration_file: Path | None) -> None:
    """Download every list with a `url` now; one that is refused keeps its last good copy.

    A running dnsfilter takes the new copies into use within two seconds. Exit status 1 where any was refused. What is
    accepted by --accept-shrink is audited.

    \b
    Examples:
      dnsfilter lists update -c /etc/dnsfilter/dnsfilter.yaml
      dnsfilter lists update --accept-shrink malware
    """
    configuration = load_configuration(configuration_file)
    subscriptions = [blocklist for blocklist in configuration.blocklists if blocklist.url]
    unknown = set(shrinking) - {blocklist.name for blocklist in subscriptions}
    if unknown:
        raise InputError([Problem(f"no list with a url has the name {min(unknown)!r}", key="--accept-shrink")])
    if not subscriptions:
        click.echo("no list has a url: nothing to download", err=True)
        return
    state = Path(configuration.state)
    prepare_state(state)
    for name in dict.fromkeys(shrinking):
        note_action(configuration, "accept-shrink", name, {})
    with showing("downloading") as progress:
        results = asyncio.run(_update(subscriptions, state / COPIES, frozenset(shrinking), progress))
    for lines, is_refused in results:
        for line in lines:
            click.echo(line, err=is_refused)
    sys.exit(1 if any(is_refused for _, is_refused in results) else 0)


async def _update(
    subscriptions: list[Blocklist], copies: Path, shrinking: frozenset[str], progress: Progress
) -> list[Result]:
    """Fetch all at once; return what is to be said of each."""
    fetching = [
        asyncio.create_task(_fetch(blocklist, copies, may_shrink=blocklist.name in shrinking))
        for blocklist in subscriptions
    ]
    for done in progress.count(asyncio.as_completed(fetching), "lists", len(fetching)):
        await done
    return [task.result() for task in fetching]


async def _fetch(blocklist: Blocklist, copies: Path, *, may_shrink: bool) -> Result:
    copy = copy_path(blocklist, copies)
    before = _stat(copy)
    try:
        await refresh(blocklist, copies, may_shrink=may_shrink)
    except InputError as error:
        return [f"{blocklist.name}: refused: {problem}" for problem in error.problems], True
    after = _stat(copy)
    was = f" (was {before[1]:,})" if before else ""
    is_same = before and before[0] == after[0]
    return [f"{blocklist.name}: unchanged" if is_same else f"{blocklist.name}: {after[1]:,} bytes{was}"], False


def _stat(path: Path) -> tuple[int, ...]:
    """Return which file a path is and its size; nothing where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_size
