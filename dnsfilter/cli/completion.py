"""`dnsfilter completion`: what a shell needs to complete commands and options."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_DNSFILTER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Write the script by which a shell completes commands and options.

    \b
    Examples:
      dnsfilter completion bash > /etc/bash_completion.d/dnsfilter
      dnsfilter completion zsh > /usr/share/zsh/vendor-completions/_dnsfilter
      dnsfilter completion fish > ~/.config/fish/completions/dnsfilter.fish
    """
    known = get_completion_class(shell)
    assert known
    click.echo(known(context.find_root().command, {}, "dnsfilter", _VARIABLE).source())
