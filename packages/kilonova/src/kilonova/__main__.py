"""``python -m kilonova`` is the command ``kilonova``."""

from kilonova.cli import main

main()
