"""Every benchmark, one after the other: ``just bench``, or ``just bench boots lists`` for some."""

from __future__ import annotations

import sys

import boots
import idle
import lists
import placement
import qemu_boot

BENCHMARKS = {
    "boots": boots.main,
    "qemu_boot": qemu_boot.main,
    "idle": idle.main,
    "lists": lists.main,
    "placement": placement.main,
}


def main() -> int:
    unknown = set(sys.argv[1:]) - set(BENCHMARKS)
    if unknown:
        print(f"no benchmark is named {', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[name]([])
    return 0


if __name__ == "__main__":
    sys.exit(main())
