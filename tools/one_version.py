"""All packages have one version, and it is the workspace's."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def version_of(path: Path) -> str:
    return str(tomllib.loads(path.read_text())["project"]["version"])


def main() -> int:
    wanted = version_of(ROOT / "pyproject.toml")
    wrong = [path for path in sorted(ROOT.glob("packages/*/pyproject.toml")) if version_of(path) != wanted]
    for path in wrong:
        print(f"{path.relative_to(ROOT)} has version {version_of(path)}, the workspace {wanted}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
