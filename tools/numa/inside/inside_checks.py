"""Runs inside the machine: writes a row for each thing looked at to the second serial line, and their number."""

from __future__ import annotations

import asyncio
import json
import os
import traceback
from pathlib import Path

from rows import Rows


async def look(rows: Rows) -> None:
    for room in os.environ["ROOMS"].split(","):
        try:
            if room == "tree":
                from tree_checks import look_at_tree

                await look_at_tree(rows)
            else:
                from guest_checks import look_at_guests

                await look_at_guests(rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the machine ends
            traceback.print_exc()
            rows.same(room, "looked at to its end", "", f"{type(error).__name__}: {error}")


def main() -> None:
    rows = Rows()
    asyncio.run(look(rows))
    with Path("/dev/ttyS1").open("w") as report:
        for row in [*rows.all, [len(rows.all)]]:
            report.write(json.dumps(row) + "\n")


main()
