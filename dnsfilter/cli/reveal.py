"""`dnsfilter reveal`: who a pseudonym stands for. Written to the audit before anything is shown."""

import json
import re
import sys
import time
from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option, json_option, reason_option
from dnsfilter.cli.output import Fields, to_text
from dnsfilter.cli.stores import changing
from dnsfilter.config import Configuration
from dnsfilter.feeds.clients import ClientSources, read_client_sources
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store.audit import append, current_actor
from dnsfilter.store.pseudonyms import Pseudonyms, read_key, read_retired_keys

_PSEUDONYM = re.compile(r"d-[a-z2-7]{16}")


@click.command()
@click.argument("pseudonym", metavar="ID")
@reason_option
@configuration_option
@json_option
def reveal(pseudonym: str, reason: str, configuration_file: Path | None, *, as_json: bool) -> None:
    """Say which device, and whose, a pseudonym stands for; exit status 1 when none is known. Always audited.

    \b
    Example:
      dnsfilter reveal d-6qiqvwvnzh6g7xl7 --reason "interview, ticket T-42"
    """
    configuration = load_configuration(configuration_file)
    found = _find(pseudonym, configuration) if _PSEUDONYM.fullmatch(pseudonym) else None
    if _PSEUDONYM.fullmatch(pseudonym):
        _record(configuration, pseudonym, reason, is_known=found is not None)
    if found is None:
        click.echo(f"no device or address {pseudonym!r} is known", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo("\n".join(f"{name + ':':11}{to_text(value)}" for name, value in found.items()))


def _find(pseudonym: str, configuration: Configuration) -> Fields | None:
    """Return what inventory and leases say of the device or address with this pseudonym."""
    key_file = Path(configuration.privacy.pseudonym_key)
    sources = read_client_sources(configuration)
    keys = [read_key(key_file), *read_retired_keys(key_file)]
    return next(filter(None, (_match(pseudonym, sources, Pseudonyms(key)) for key in keys)), None)


def _match(pseudonym: str, sources: ClientSources, pseudonyms: Pseudonyms) -> Fields | None:
    for device in sources.devices:
        if pseudonyms.of_device(device.id) == pseudonym:
            names = ("name", "owner", "mail", "group", "macs", "addresses")
            return {"id": pseudonym, "device": device.id, **{name: getattr(device, name) for name in names}}
    for address, macs in addresses_behind(sources).items():
        if pseudonyms.of_address(address) == pseudonym:
            return {"id": pseudonym, "address": address, "macs": macs}
    return None


def addresses_behind(sources: ClientSources) -> dict[str, tuple[str, ...]]:
    """Return addresses that a pseudonym may stand for, which no single device had then, with the MACs behind them."""
    macs: dict[str, dict[str, None]] = {address: {} for device in sources.devices for address in device.addresses}
    for lease in sources.leases:
        macs.setdefault(lease.address, {})[lease.mac] = None
    return {address: tuple(behind) for address, behind in macs.items()}


def _record(configuration: Configuration, pseudonym: str, reason: str, *, is_known: bool) -> None:
    with changing(configuration) as connection:
        append(
            connection,
            time=time.time(),
            actor=current_actor(),
            action="reveal",
            subject=pseudonym,
            details={"reason": reason, "known": is_known},
        )
