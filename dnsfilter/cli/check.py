"""`dnsfilter check`."""

from dataclasses import replace
from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option
from dnsfilter.config import Configuration
from dnsfilter.delivery.requirements import check_outlets
from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds.clients import read_client_sources
from dnsfilter.feeds.configuration import find_configuration, load_configuration, locate
from dnsfilter.process.privileges import become, find_account
from dnsfilter.process.proxy import find_proxy_problems
from dnsfilter.process.publisher import compile_all, find_missing
from dnsfilter.process.selftest import find_unserved
from dnsfilter.server.nghttp2 import load_library
from dnsfilter.server.tls import load_certificate
from dnsfilter.upstream.secure import check_trust


@click.command()
@configuration_option
def check(configuration_file: Path | None) -> None:
    """Check configuration, inventory and lists: every error with file, line and key; exit status 0 or 2.

    As root it reads everything as the `user` of the configuration, if there is one, as `serve` does.

    \b
    Example:
      dnsfilter check -c dnsfilter.yaml
    """
    found = find_configuration(configuration_file)
    _become_account(found)
    configuration, lists, problems = compile_all(found)
    problems = [*problems, *read_client_sources(configuration).problems]
    warnings = [*find_missing(configuration, found), *_find_unserved(configuration, found)]
    for check_files in (_check_certificate, _check_authorities, check_outlets):
        try:
            check_files(configuration)
        except InputError as error:
            problems += locate((replace(problem, file=str(found)) for problem in error.problems), found)
    if found:
        problems += locate((replace(problem, file=str(found)) for problem in find_proxy_problems(configuration)), found)
    else:
        warnings += find_proxy_problems(configuration)
    if problems:
        raise InputError(problems)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    counts = {
        "policy": len(configuration.policies),
        "list": len(lists),
        "entry": sum(compiled.entries for compiled in lists),
    }
    click.echo(", ".join(_count(number, noun) for noun, number in counts.items()))


def _count(number: int, noun: str) -> str:
    plural = noun.removesuffix("y") + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


def _find_unserved(configuration: Configuration, found: Path | None) -> list[Problem]:
    """Say from where the self-test is refused, which is no mistake."""
    told = "leaves out {}, from where the self-test asks: all it can see is that it is refused"
    hosts = find_unserved(configuration)
    return locate((Problem(told.format(host), str(found or ""), key="allow_clients") for host in hosts), found)


def _become_account(found: Path | None) -> None:
    try:
        account = find_account(load_configuration(found))
    except InputError as error:
        raise InputError(locate((_in_file(problem, found) for problem in error.problems), found)) from None
    if account:
        become(account)


def _in_file(problem: Problem, found: Path | None) -> Problem:
    return problem if problem.file else replace(problem, file=str(found))


def _check_certificate(configuration: Configuration) -> None:
    if configuration.listen.certificate:
        load_certificate(configuration.listen.certificate)
    if configuration.listen.https:
        load_library()


def _check_authorities(configuration: Configuration) -> None:
    check_trust(configuration.upstreams)
