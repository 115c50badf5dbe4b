"""``kilonova status``: the processes, the hosts and the servers of a cloud, on one screen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
from kilonova_kit.processes import read_mark

from kilonova.cloud.errors import CloudError
from kilonova.cloud.folder import CloudFolder
from kilonova.cloud.inquiries import CloudInquiries
from kilonova.commands.options import data_option


@click.command("status")
@data_option
def command(folder: CloudFolder) -> None:
    """Say how a cloud is. Exit status 1 when it is not ready."""
    from rich.console import Console
    from rich.table import Table

    state, console = folder.state(), Console()
    asked = CloudInquiries(folder)
    ready = asked.ready()
    console.print(f"[bold]{state.public_url or state.url}[/bold]  {ready}")
    console.print(f"folder {folder.root}   driver {state.driver}   cells {state.cells}")
    processes = Table("process", "pid", "memory (PSS)", box=None)
    for path in sorted((folder.run).glob("*.json")):
        note = read_mark(path)
        processes.add_row(path.stem, *(("–", "not running") if note is None else (str(note.pid), _memory(note.pid))))
    console.print(processes)
    if ready == "ready":
        _print_hosts(asked, console)
    else:
        raise SystemExit(1)


def _memory(pid: int) -> str:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return "?"
    kib = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return f"{kib / 1024:.0f} MB"


def _print_hosts(asked: CloudInquiries, console: object) -> None:
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    try:
        services = asked.get("/compute/v2.1/os-services?binary=nova-compute")["services"]
        servers = [(server["status"], server.get("OS-EXT-SRV-ATTR:host") or "") for server in asked.servers()]
    except CloudError as error:
        console.print(str(error))
        return
    on_host = Counter(host for _, host in servers)
    hosts = Table("host", "zone", "state", "servers", box=None)
    for service in services:
        hosts.add_row(service["host"], service["zone"], service["state"], str(on_host[service["host"]]))
    console.print(hosts)
    counts = Counter(status for status, _ in servers)
    console.print("servers: " + (", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"))
