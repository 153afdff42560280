"""`dnsfilter simulate`: the policies at another time, over what the store knows now."""

import time
from dataclasses import asdict
from pathlib import Path

import click

from dnsfilter.cli.moments import read_moment
from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.cli.output import Fields, format_time, print_rows
from dnsfilter.cli.stores import reading
from dnsfilter.feeds.clients import read_client_sources
from dnsfilter.process.publisher import compile_all
from dnsfilter.process.simulation import Forecast
from dnsfilter.process.simulation import simulate as forecast_all
from dnsfilter.store.pseudonyms import Pseudonyms, read_key

_POLICY_COLUMNS = ("policy", "phase", "since", "next_phase", "next_start")
_DEVICE_COLUMNS = ("policy", "id", "app", "group", "consequence")


@click.command()
@click.option("--at", "moment", required=True, help="Date or RFC 3339 time.")
@configuration_option
@json_option
def simulate(moment: str, configuration_file: Path | None, *, as_json: bool) -> None:
    """Say in which phase each policy is at a time, and who would be quarantined then by what is known now.

    A consequence is quarantine, dry-run, capped (max_devices is reached) or when-seen (the evidence is older than a
    day: the next piece of it quarantines).

    \b
    Example:
      dnsfilter simulate --at 2023-03-15
    """
    configuration, lists, _ = compile_all(configuration_file)
    at = read_moment(moment, configuration)
    inventory = read_client_sources(configuration).devices
    with reading(configuration) as connection:
        key = read_key(Path(configuration.privacy.pseudonym_key)) if connection and inventory else b""
        pseudonyms = Pseudonyms(key)
        groups = {pseudonyms.of_device(device.id): device.group for device in inventory}
        forecasts = forecast_all(connection, configuration, lists, groups, at, time.time())
    if as_json:
        print_rows(map(_describe, forecasts), (), as_json=True)
        return
    policies = ({name: value or "-" for name, value in _describe(each).items()} for each in forecasts)
    print_rows(policies, _POLICY_COLUMNS, as_json=False)
    click.echo()
    fates = [{"policy": each.policy, **asdict(fate)} for each in forecasts for fate in each.devices]
    print_rows(fates, _DEVICE_COLUMNS, as_json=False)
    if not fates:
        click.echo("nobody would be quarantined")


def _describe(forecast: Forecast) -> Fields:
    times = {name: _time(getattr(forecast, name)) for name in ("since", "next_start")}
    return {**asdict(forecast), **times}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else format_time(seconds)
