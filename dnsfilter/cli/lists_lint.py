"""`dnsfilter lists lint`: what in a list will hurt, does nothing, or misleads."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

import click

from dnsfilter.blocklist.formats import parse_list
from dnsfilter.blocklist.lint import Finding, Severity
from dnsfilter.blocklist.lint import lint as lint_list
from dnsfilter.blocklist.suffixes import parse_public_suffixes
from dnsfilter.blocklist.surroundings import Surroundings, describe_surroundings
from dnsfilter.cli.list_files import format_option, is_same_list, read_file
from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.cli.progress import showing
from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds.configuration import find_configuration, find_directory, load_configuration, locate
from dnsfilter.feeds.sources import find_list, read_list
from dnsfilter.model import ListFormat, Rule
from dnsfilter.policy.phases import to_timestamp
from dnsfilter.settings.order import Blocklist

_NEVER_BLOCK = Blocklist(name="never-block", file="never-block.yaml")
_APPS = Blocklist(name="professional-apps", file="professional-apps.yaml")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@format_option
@configuration_option
@json_option
def lint(files: tuple[str, ...], syntax: str | None, configuration_file: Path | None, *, as_json: bool) -> None:
    """Find what is wrong with lists: what covers too much, what nothing comes of, what is not what it looks like.

    Knows the public suffix list, the names that are never blocked, the professional apps, and from the configuration
    your own domains and the exceptions that have expired. Exit status 0 without a finding, 1 with one, 2 where a list
    cannot be used at all.

    \b
    Examples:
      dnsfilter lists lint tiktok.yaml
      dnsfilter lists lint --format hosts /etc/dnsfilter/extra.txt
      dnsfilter lists lint *.txt --json | jq -r 'select(.severity == "error") | .entry'
    """
    found = find_configuration(configuration_file)
    configuration = load_configuration(found)
    beside = find_directory(found)
    findings = _find_expired(configuration, found, time.time())
    refusals: list[InputError] = []
    with showing("reading") as progress:
        for file in files:
            try:
                progress.begin(f"reading {file}")
                parsed = read_file(file, ListFormat(syntax) if syntax else None, configuration, beside)
                progress.begin(f"checking {file}")
                findings += lint_list(parsed, file, _gather(configuration, beside, file))
            except InputError as error:
                refusals.append(error)
    for refusal in refusals:
        click.echo(str(refusal), err=True)
    sys.stdout.writelines(_to_lines(findings, as_json=as_json))
    if not as_json and (findings or not refusals):
        _print_summary(findings)
    sys.exit(2 if refusals else 1 if findings else 0)


def _find_expired(configuration: Configuration, path: Path | None, now: float) -> list[Finding]:
    """Return the exceptions that free nothing any more."""
    expired = [
        Problem(f"the exception for {allow.name} ended {allow.until}", str(path or ""), key=f"allow[{index}].until")
        for index, allow in enumerate(configuration.allow)
        if allow.until and to_timestamp(allow.until, configuration.timezone) <= now
    ]
    return [
        Finding(each.file, each.line, Severity.NOTE, "expired", each.key, each.message, "delete it, or have it renewed")
        for each in locate(expired, path)
    ]


def _gather(configuration: Configuration, beside: Path, file: str) -> Surroundings:
    """Return what a list is held against; the professional apps' own list is not held against itself."""
    own = Blocklist(name="list", file=str(find_list(file, Path()).absolute()))
    text = resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text(encoding="utf-8")
    names = {name for policy in configuration.policies for name in policy.quarantine.blocklists}
    apps = [_APPS, *(blocklist for blocklist in configuration.blocklists if blocklist.name in names)]
    is_apps = any(is_same_list(blocklist, own, beside) for blocklist in apps if blocklist.file)
    return describe_surroundings(
        parse_public_suffixes(text),
        configuration,
        _read_rules([_NEVER_BLOCK], beside),
        () if is_apps else _read_rules(apps, beside),
    )


def _read_rules(blocklists: Iterable[Blocklist], beside: Path) -> Iterator[Rule]:
    for blocklist in blocklists:
        if blocklist.file and blocklist.syntax is ListFormat.CATALOGUE:
            text, shown, _ = read_list(blocklist, beside)
            yield from parse_list(text, shown, blocklist).rules


def _to_lines(findings: Iterable[Finding], *, as_json: bool) -> Iterator[str]:
    for finding in findings:
        yield (json.dumps(finding._asdict()) if as_json else str(finding)) + "\n"


def _print_summary(findings: list[Finding]) -> None:
    counts = [(sum(finding.severity is severity for finding in findings), severity) for severity in Severity]
    told = ", ".join(f"{count} {severity}{'s' * (count != 1)}" for count, severity in counts if count)
    click.echo(told or "no findings", err=True)
