"""A group of commands that loads each when it is used, so that each starts fast."""

import importlib
from typing import Any

import click


class LazyGroup(click.Group):
    """Commands by name, each the attribute of this name in a module."""

    def __init__(self, *arguments: Any, modules: dict[str, str], **options: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*arguments, **options)
        self._modules = modules

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(self._modules)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Load a command; None where there is none of this name."""
        if name not in self._modules:
            return None
        command: click.Command = getattr(importlib.import_module(self._modules[name]), name)
        return command
