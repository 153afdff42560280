"""`dnsfilter lists export`: what the policies block, for other servers."""

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import click

from dnsfilter.blocklist.export import ExportFormat, Remarks, write_export
from dnsfilter.blocklist.export.coverage import PROBE, Asker, Coverage, Verdict, find_networks, survey
from dnsfilter.blocklist.export.document import tell_loss
from dnsfilter.blocklist.export.gateway import Gateway, Redirect, find_gateway
from dnsfilter.cli.options import configuration_option
from dnsfilter.cli.progress import showing
from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem
from dnsfilter.model import CANARIES, NEVER_BLOCK, Client, CompiledList, Decision, DnsAction, Match, Phase
from dnsfilter.policy.engine import Engine
from dnsfilter.policy.phases import Schedule
from dnsfilter.process.publisher import compile_all
from dnsfilter.settings.order import Policy

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.option("--format", "syntax", type=click.Choice([each.value for each in ExportFormat]), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; default standard output.")
@click.option("--policy", "name", help="Only this policy, in whatever phase; default all that block now.")
@click.option(
    "--gateway",
    type=click.Choice([each.value for each in Redirect]),
    help="With nftables: the rules of a gateway, whose proxy gets TCP 80 and 443 of listed networks, or all of it.",
)
@configuration_option
def export(
    syntax: str, output: Path | None, name: str | None, gateway: str | None, configuration_file: Path | None
) -> None:
    """Write what the policies block in the syntax of another server, with exceptions and never-blocked names freed.

    Group by group is beyond what these syntaxes know: the export holds for every client. What a syntax cannot say is
    told on standard error and in the file's first lines. The same lists always give the same file.

    \b
    Examples:
      dnsfilter lists export --format rpz -o /etc/bind/rpz.dnsfilter
      dnsfilter lists export --format unbound --policy tiktok -o /etc/unbound/unbound.conf.d/tiktok.conf
      dnsfilter lists export --format nftables | nft -c -f -
      dnsfilter lists export --format nftables --gateway listed | nft -f -
    """
    if gateway and syntax != ExportFormat.NFTABLES:
        raise InputError([Problem(f"{gateway!r}: only --format nftables has rules for a gateway", key="--gateway")])
    with showing("reading lists"):
        configuration, lists, problems = compile_all(configuration_file)
    for problem in problems:
        click.echo(f"warning: {problem}", err=True)
    policies = _choose(configuration, name, time.time())
    watched = policies if name else configuration.policies
    with showing("making the export"):
        rules = _plan_gateway(Redirect(gateway), configuration, watched, lists) if gateway else None
        text, losses = _export(ExportFormat(syntax), configuration, policies, lists, rules)
    for loss in losses:
        click.echo(f"not expressed: {loss}", err=True)
    _write(text, output)


def _choose(configuration: Configuration, name: str | None, now: float) -> list[Policy]:
    if name is None:
        blocking = (Phase.ENFORCE, Phase.QUARANTINE)
        return [
            policy
            for policy in configuration.policies
            if Schedule(policy, configuration.timezone).phase_at(now) in blocking
        ]
    chosen = [policy for policy in configuration.policies if policy.name == name]
    if not chosen:
        known = ", ".join(policy.name for policy in configuration.policies) or "none"
        raise InputError([Problem(f"there is no policy {name!r}: the configuration has {known}", key="--policy")])
    return chosen


def _plan_gateway(
    redirect: Redirect, configuration: Configuration, policies: Sequence[Policy], lists: Sequence[CompiledList]
) -> Gateway:
    used = _choose_lists(policies, lists)
    return find_gateway(configuration, redirect, find_networks([rule for each in used for rule in each.rules]))


def _choose_lists(policies: Sequence[Policy], lists: Sequence[CompiledList], *more: str) -> list[CompiledList]:
    names = {name for policy in policies for name in policy.blocklists} | {NEVER_BLOCK, *more}
    return [compiled for compiled in lists if compiled.name in names]


def _export(
    syntax: ExportFormat,
    configuration: Configuration,
    policies: Sequence[Policy],
    lists: Sequence[CompiledList],
    gateway: Gateway | None,
) -> tuple[str, list[str]]:
    used = _choose_lists(policies, lists, *([] if syntax is ExportFormat.HOSTS else [CANARIES]))
    allow = tuple(each for each in configuration.allow if not each.groups)
    always = {"groups": (), "phases": {Phase.ENFORCE: _LONG_AGO}}
    everybody = configuration.model_copy(
        update={"policies": tuple(policy.model_copy(update=always) for policy in policies), "allow": allow}
    )
    engine = Engine(everybody, used)
    view = engine.view(Client(), time.time())
    coverage = survey(used, allow, lambda name: _to_verdict(view.decide(name)), list(_find_askers(engine, used)))
    serial = int(max((compiled.changed for compiled in used), default=0.0))
    remarks = Remarks(_describe(policies, used), _find_lost(syntax, configuration, coverage))
    return write_export(syntax, coverage, configuration.sinkhole, serial, remarks, gateway)


def _to_verdict(decision: Decision) -> Verdict:
    if not decision.is_blocking:
        return Verdict(DnsAction.RESOLVE)
    return Verdict(decision.dns, decision.rule.data if decision.rule else ())


def _find_askers(engine: Engine, lists: Sequence[CompiledList]) -> Iterator[Asker]:
    """Yield what whoever asks from a network of the lists gets for a name that none of them knows."""
    networks = {rule.text for each in lists for rule in each.rules if rule.match is Match.CLIENT}
    for network in sorted(map(ip_network, networks), key=lambda each: (each.version, each)):
        triggers = engine.match_client(str(network.network_address))
        holding = [rule for rule in triggers if ip_network(rule.text).prefixlen <= network.prefixlen]
        view = engine.view(Client(triggers=tuple(holding)), time.time())
        yield Asker(str(network), _to_verdict(view.decide(PROBE)))


def _describe(policies: Sequence[Policy], lists: Sequence[CompiledList]) -> list[str]:
    return [
        *(f"policy {policy.name}: {', '.join(policy.blocklists)} -> {policy.answer}" for policy in policies),
        *(f"list {compiled.name}: {compiled.entries} entries" for compiled in lists),
    ]


def _find_lost(syntax: ExportFormat, configuration: Configuration, coverage: Coverage) -> list[str]:
    """Tell what never reaches the writers, or what only RPZ has words for."""
    lost = [f"exception {each.name}: for some groups only" for each in configuration.allow if each.groups]
    if syntax is ExportFormat.HOSTS and configuration.canaries:
        lost.append("canary names: only NXDOMAIN tells browsers and phones to use this network's resolver")
    if syntax is not ExportFormat.RPZ:
        lost += tell_loss([asker.network for asker in coverage.askers], "who asks, see --format rpz")
        with_data = [node.name for node in coverage.changes if node.data.own or node.data.below]
        lost += tell_loss(with_data, "the sinkhole's address instead of a list's own local data")
    elif configuration.allow:
        blocked = [asker.network for asker in coverage.askers if asker.verdict.action.is_blocking]
        lost += tell_loss(blocked, "exceptions free no name for whoever asks from there")
    return lost


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError([Problem(f"cannot be written: {error.strerror}", str(output))]) from None
