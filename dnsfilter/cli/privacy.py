"""`dnsfilter privacy`: what a data-protection officer asks for."""

import os
import time
from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option, reason_option
from dnsfilter.cli.reveal import addresses_behind
from dnsfilter.cli.stores import changing, reading, scrub
from dnsfilter.config import Configuration
from dnsfilter.errors import InputError
from dnsfilter.feeds.clients import ClientSources, read_client_sources
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.feeds.state import hold_state, prepare_state
from dnsfilter.store.audit import append, current_actor
from dnsfilter.store.processing import describe_processing
from dnsfilter.store.pseudonyms import Pseudonyms, create_key, next_file, read_present_key
from dnsfilter.store.rotation import ACTION, Rekeyed, fingerprint, put_in_force, rekey, was_committed


@click.group()
def privacy() -> None:
    """Answer a data-protection officer."""


@privacy.command()
@configuration_option
def record(configuration_file: Path | None) -> None:
    """Print the record of processing under a configuration, in Markdown: what, why, where, how long, who.

    \b
    Example:
      dnsfilter privacy record -c dnsfilter.yaml
    """
    click.echo(describe_processing(load_configuration(configuration_file)))


@privacy.command("rotate-key")
@reason_option
@configuration_option
def rotate_key(reason: str, configuration_file: Path | None) -> None:
    """Replace the key of the pseudonyms, and all pseudonyms in the store. Stop the service first. Always audited.

    \b
    Example:
      dnsfilter privacy rotate-key --reason "an administrator has left, ticket T-44"
    """
    configuration = load_configuration(configuration_file)
    state = Path(configuration.state)
    prepare_state(state)
    lock = hold_state(state)
    try:
        _rotate(configuration, reason)
    finally:
        os.close(lock)


def _rotate(configuration: Configuration, reason: str) -> None:
    """Begin a rotation, or go on with one that was interrupted."""
    key_file = Path(configuration.privacy.pseudonym_key)
    sources = read_client_sources(configuration)
    if not sources.is_complete:
        raise InputError(sources.problems)
    present, following = read_present_key(key_file), create_key(next_file(key_file))
    with reading(configuration) as connection:
        is_done = connection is not None and was_committed(connection, following)
    if not is_done:
        rekeyed = _rekey(configuration, sources, (present, following), reason)
        click.echo(f"{rekeyed.pseudonyms} pseudonyms replaced, {rekeyed.strays} of them of nobody known")
    retired = put_in_force(key_file, time.time())
    click.echo(f"the old key is kept as {retired}")
    scrub(configuration)


def _rekey(configuration: Configuration, sources: ClientSources, keys: tuple[bytes, bytes], reason: str) -> Rekeyed:
    present, following = map(Pseudonyms, keys)
    devices = [device.id for device in sources.devices]
    with changing(configuration) as connection:
        rekeyed = rekey(connection, present, following, devices, addresses_behind(sources))
        append(
            connection,
            time=time.time(),
            actor=current_actor(),
            action=ACTION,
            subject="",
            details={"reason": reason, "key": fingerprint(keys[1]), **rekeyed._asdict()},
        )
    return rekeyed
