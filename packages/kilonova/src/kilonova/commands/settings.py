"""``kilonova settings``: every setting, its default and its meaning."""

from __future__ import annotations

import click


@click.command("settings")
def command() -> None:
    """List what may be set in kilonova.toml (or as KILONOVA_SECTION_NAME in the environment)."""
    from kilonova_kit.settings import describe
    from rich.console import Console
    from rich.table import Table

    from kilonova.cloud.settings import OperatorSettings

    table = Table("setting", "type", "default", "meaning", box=None)
    for setting in describe(OperatorSettings):
        table.add_row(setting.name, setting.type, str(setting.default), setting.description)
    Console().print(table)
