"""Options that several commands share."""

from pathlib import Path

import click

configuration_option = click.option(
    "-c",
    "--config",
    "configuration_file",
    type=click.Path(path_type=Path),
    help="Configuration; default ./dnsfilter.yaml, then /etc/dnsfilter/dnsfilter.yaml, then the embedded default.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
