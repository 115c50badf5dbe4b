"""The command ``kilonova``. Each command is a file in ``commands``, imported only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

#: Command, its module, and the line that ``--help`` shows (so that help imports nothing).
_COMMANDS = {
    "up": ("kilonova.commands.up", "Start a cloud on this machine."),
    "placement": ("kilonova.commands.placement", "Serve placement alone, without a cloud around it."),
    "down": ("kilonova.commands.down", "Shut its guests down and end all of it."),
    "status": ("kilonova.commands.status", "Say how a cloud is."),
    "doctor": ("kilonova.commands.doctor", "Say what is missing or wrong on this machine, and how to mend it."),
    "ssh": ("kilonova.commands.ssh", "Reach a server's guest over SSH from this machine."),
    "host": ("kilonova.commands.host", "Let hosts join, and see them."),
    "driver": ("kilonova.commands.driver", "Name the drivers, and check one against the contract."),
    "settings": ("kilonova.commands.settings", "List what an operator may set."),
    "explain": ("kilonova.commands.explain", "Tell the story of one server, or whether a flavor fits, and why."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[name]
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kilonova")
def kilonova() -> None:
    """Kilonova: a compute cloud, from one laptop to many cells."""


def main() -> None:
    """The entry point; what goes wrong with a cloud is said in one line."""
    from kilonova.cloud.errors import CloudError

    try:
        kilonova(standalone_mode=True)
    except CloudError as error:
        click.echo(f"kilonova: {error}", err=True)
        sys.exit(1)
