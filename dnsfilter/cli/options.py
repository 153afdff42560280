"""Options that several commands share."""

from pathlib import Path

import click

from dnsfilter.errors import InputError, Problem


def _check_reason(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse a reason that says nothing."""
    if not value.strip():
        raise InputError([Problem(f"{value!r} is no reason", key="--reason")])
    return value.strip()


configuration_option = click.option(
    "-c",
    "--config",
    "configuration_file",
    type=click.Path(path_type=Path),
    help="Configuration; default ./dnsfilter.yaml, then /etc/dnsfilter/dnsfilter.yaml, then the embedded default.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
reason_option = click.option("--reason", required=True, callback=_check_reason, help="Why; kept in the audit.")
