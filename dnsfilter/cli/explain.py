"""`dnsfilter explain`: which rule decides about a name, for whom, when, and why."""

import json
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from dnsfilter.cli.moments import read_moment
from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import compile_table
from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem, SnapshotError
from dnsfilter.feeds.clients import Quarantined, read_client_sources, read_clients
from dnsfilter.model import Client, Decision
from dnsfilter.names import canonical
from dnsfilter.policy.engine import Engine
from dnsfilter.process.publisher import compile_all


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--client", "address", default="127.0.0.1", show_default=True, help="Address of the client that asks.")
@click.option("--at", "moment", help="Date or RFC 3339 time; default now.")
@configuration_option
@json_option
def explain(
    names: tuple[str, ...], address: str, moment: str | None, configuration_file: Path | None, *, as_json: bool
) -> None:
    """Say which rule of which list decides about a name, in which phase, and what happens at DNS and at the proxy.

    A device is in quarantine there if it is now, by the state directory of the configuration.

    \b
    Examples:
      dnsfilter explain api16-normal-c-useast1a.tiktokv.com
      dnsfilter explain tiktok.com --client 10.20.3.4 --at 2023-03-14 --json
    """
    configuration, lists, _ = compile_all(configuration_file)
    now = read_moment(moment, configuration)
    engine = Engine(configuration, lists)
    client = _find_client(configuration, address, now)
    view = engine.view(replace(client, triggers=tuple(engine.match_client(address))), now)
    for name in _parse_names(names):
        fields = _describe(name, client, view.decide(name))
        click.echo(json.dumps(fields) if as_json else _to_sentence(fields))


def _find_client(configuration: Configuration, address: str, now: float) -> Client:
    try:
        ip_address(address)
    except ValueError:
        raise InputError([Problem(f"{address!r} is not an IP address", key="--client")]) from None
    sources = read_client_sources(configuration)
    quarantined = _find_quarantined(Path(configuration.state))
    table = compile_table(sources.devices, sources.leases, quarantined, now, configuration.identity)
    return Directory(configuration.groups, table).find(address, now)


def _find_quarantined(state: Path) -> Quarantined:
    """Return who is in quarantine as things stand, nobody where nothing runs or ran here."""
    try:
        return read_clients(state).quarantined
    except SnapshotError:
        return {}


def _parse_names(names: tuple[str, ...]) -> list[str]:
    parsed, problems = [], []
    for name in names:
        try:
            parsed.append(canonical(name))
        except ValueError as error:
            problems.append(Problem(str(error), key="NAME"))
    if problems:
        raise InputError(problems)
    return parsed


def _describe(name: str, client: Client, decision: Decision) -> dict[str, Any]:
    rule, exemption = decision.rule, decision.exemption
    return {
        "name": name,
        "app": rule and rule.app,
        "role": rule and rule.role,
        "grade": rule and rule.grade,
        "rule": rule and rule.text,
        "match": rule and rule.match,
        "blocklist": rule and rule.blocklist,
        "group": client.group or None,
        "policy": decision.policy or None,
        "phase": decision.phase,
        "dns": decision.dns,
        "proxy": decision.proxy,
        "exception": exemption and {"name": exemption.name, "reason": exemption.reason, "ticket": exemption.ticket},
    }


def _to_sentence(fields: dict[str, Any]) -> str:
    who = f"group {fields['group']}" if fields["group"] else "a client of no group"
    verdict = f"{fields['name']}: dns {fields['dns']}, proxy {fields['proxy']} for {who}"
    if not fields["rule"]:
        return f"{verdict}: no rule covers it"
    because = f"{fields['match']} {fields['rule']} of list {fields['blocklist']}"
    because += f" (app {fields['app']}, role {fields['role']}, grade {fields['grade']})"
    if fields["policy"]:
        because += f", policy {fields['policy']} in phase {fields['phase'] or 'none yet'}"
    if fields["exception"]:
        because += f", freed by the exception {fields['exception']['name']}: {fields['exception']['reason']}"
    return f"{verdict}: {because}"
