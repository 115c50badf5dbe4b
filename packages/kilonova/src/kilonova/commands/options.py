"""Options that several commands have."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kilonova.cloud.folder import CloudFolder


def default_data() -> Path:
    """``KILONOVA_DATA``, else ``/var/lib/kilonova`` for root and a folder in the home for others."""
    if given := os.environ.get("KILONOVA_DATA"):
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/kilonova")
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "kilonova"


def data_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--data DIR``, handed on as ``folder``."""

    def as_folder(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> CloudFolder:
        return CloudFolder(value or default_data())

    return click.option(
        "--data",
        "folder",
        type=click.Path(path_type=Path, file_okay=False, readable=False),  # whose it is we say ourselves
        callback=as_folder,
        help="The folder of the cloud.  [default: /var/lib/kilonova, or ~/.local/share/kilonova]",
    )(function)
