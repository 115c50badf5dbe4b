"""Hold the sizes of functions and files (CONTRIBUTING.md): print them, and fail where a limit is passed.

Limits: functions median <= 8 lines, 90th percentile <= 35, none over 80; files median <= 150, 90th percentile <= 500,
none over 800. An exception is listed here by name, with its reason.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

#: "path:function" or "path" -> why it may be larger.
EXCEPTIONS: dict[str, str] = {}

FUNCTION_LIMITS, FILE_LIMITS = (8, 35, 80), (150, 500, 800)
ROOT = Path(__file__).resolve().parent.parent


def sources() -> Iterator[Path]:
    for folder in (*sorted(ROOT.glob("packages/*/src")), ROOT / "tools", ROOT / "benchmarks"):
        yield from sorted(folder.rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def judge(what: str, sizes: Sequence[tuple[str, int]], limits: tuple[int, int, int]) -> list[str]:
    """Print one line of figures; say what is too large."""
    numbers = sorted(size for _, size in sizes)
    median, tail = statistics.median(numbers), numbers[int(len(numbers) * 0.9)]
    print(f"{what}: {len(numbers)}, median {median:.0f}, 90th percentile {tail}, largest {numbers[-1]}")
    large = [(name, size) for name, size in sizes if size > limits[2] and name not in EXCEPTIONS]
    wrong = [f"{name}: {size} lines (at most {limits[2]})" for name, size in large]
    if median > limits[0]:
        wrong.append(f"the median of {what} is {median}, over {limits[0]}")
    if tail > limits[1]:
        wrong.append(f"the 90th percentile of {what} is {tail}, over {limits[1]}")
    return wrong


def main() -> int:
    files, all_functions = [], []
    for path in sources():
        name = str(path.relative_to(ROOT))
        files.append((name, len(path.read_text().splitlines())))
        all_functions += [(f"{name}:{function}", size) for function, size in functions(path)]
    wrong = judge("functions", all_functions, FUNCTION_LIMITS) + judge("files", files, FILE_LIMITS)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
