"""``python -m kilonova_agent``: see ``main.py``."""

import sys

from kilonova_agent.main import main

sys.exit(main())
