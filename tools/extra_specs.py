"""Write ``docs/extra-specs.md`` anew from the table in the code; ``--check``: only say whether it differs."""

from __future__ import annotations

import sys
from pathlib import Path

from kilonova_compute.model.known_requirements import RULES, Rule, Source

PAGE = Path(__file__).resolve().parent.parent / "docs" / "extra-specs.md"

_HEAD = """# Extra specs and image properties

What becomes of each one that Nova knows when a server is asked for. *Honoured* and *harmless* ones pass; a *refused*
one is answered with 400 and the reason, unless its value is one of those that ask for nothing special. All others are
somebody's own, and pass, unless they begin with `kilonova:`. Written by `tools/extra_specs.py` from
`kilonova_compute/model/known_requirements.py`.
"""
_TITLES = {Source.FLAVOR: "Extra specs of flavors", Source.IMAGE: "Properties of images"}


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_table(source) for source in Source)])


def _table(source: Source) -> str:
    rules = sorted((rule for rule in RULES if rule.source is source), key=lambda rule: rule.name)
    head = [f"## {_TITLES[source]}", "", "| name | becomes | how, or why | values that pass |", "|---|---|---|---|"]
    return "\n".join([*head, *(_row(rule) for rule in rules), ""])


def _row(rule: Rule) -> str:
    passing = ", ".join(f"`{value}`" if value else "none" for value in rule.passes)
    if not passing:
        passing = "–" if rule.fate == "refused" else "all"
    return f"| `{rule.name}` | {rule.fate} | {rule.why} | {passing} |"


def main() -> int:
    if "--check" in sys.argv:
        current = PAGE.exists() and PAGE.read_text() == page()
        return 0 if current else 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
