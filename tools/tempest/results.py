"""What a run of Tempest came to: counts per module, and one line for each failure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from pathlib import Path

import msgspec

_MODULE = re.compile(r"tempest\.(?:serial_tests\.)?(?:api\.[a-z_0-9]+(?:\.[a-z_0-9]+)?|scenario)")
_ERROR = re.compile(
    r"[A-Za-z_.]*(?:Error|Exception|Mismatch|Timeout|NotFound|Forbidden|BadRequest|Conflict|Failed)\w*:"
)


class Outcome(msgspec.Struct, frozen=True):
    """One test. ``result``: pass, skip or fail; a whole class that was skipped is one line named ``setUpClass``."""

    name: str
    result: str
    seconds: float
    text: str

    @property
    def whole_class(self) -> bool:
        return self.name.startswith(("setUpClass", "tearDownClass"))

    @property
    def module(self) -> str:
        found = _MODULE.search(self.name)
        return found.group().removeprefix("tempest.") if found else "other"

    @property
    def reason(self) -> str:
        """The line of the traceback that says what went wrong."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip() and not line.startswith("}}}")]
        errors = [number for number, line in enumerate(lines) if _ERROR.match(line)]
        return " ".join(lines[errors[-1] :][:3])[:300] if errors else "".join(lines[-1:])[:300]


def read_junit(text: str) -> list[Outcome]:
    """From the XML that subunit2junitxml writes."""
    return [_outcome(case) for case in ET.fromstring(text).iter("testcase")]


def _outcome(case: ET.Element) -> Outcome:
    name = re.sub(r"\[[^\]]*\]", "", f"{case.get('classname')}.{case.get('name')}").lstrip(".")
    seconds = float(case.get("time") or 0)
    for tag, result in (("failure", "fail"), ("error", "fail"), ("skipped", "skip")):
        found = case.find(tag)
        if found is not None:
            return Outcome(name, result, seconds, (found.text or "")[-4000:])
    return Outcome(name, "pass", seconds, "")


def keep(outcomes: list[Outcome], path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(outcomes)))


def show(outcomes: list[Outcome]) -> bool:
    """Print counts and failures; answers whether something passed and nothing failed."""
    by_module: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        by_module[outcome.module][outcome.result] += 1
    for module, counts in sorted(by_module.items()):
        print(f"  {module:<32} pass {counts['pass']:>4}   skip {counts['skip']:>4}   fail {counts['fail']:>4}")
    for outcome in outcomes:
        if outcome.result == "fail":
            print(f"FAIL {outcome.name}\n     {outcome.reason}")
    total = sum(by_module.values(), Counter[str]())
    classes = sum(outcome.result == "skip" and outcome.whole_class for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    print(f"pass {total['pass']}  skip {total['skip']} ({classes} whole classes)  fail {total['fail']}", end="")
    print(f"  ({seconds:.0f} s of test time)")
    return bool(total["pass"]) and not total["fail"]
