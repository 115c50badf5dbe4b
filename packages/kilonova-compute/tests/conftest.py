"""Lets test files import ``compute_fakes`` and ``compute_world``, which stand beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
