#!/usr/bin/env bash
# The house rules: style, types, who imports whom, sizes, one version.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check -q .
mypy packages/*/src tools benchmarks
lint-imports
python tools/sizes.py
python tools/one_version.py
