"""Access rules of application credentials: which calls a token made from one may do.

The patterns are keystonemiddleware's: ``{name}`` and ``*`` stand for a part of the path, ``**`` for any number of
them. A path counts with and without the service's prefix, since a rule's author may have either in mind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from kilonova_kit.http.identity import AccessRule
from kilonova_kit.patterns import escaped, fits

_TOKEN = re.compile(r"(?P<tag>\{[^}]*\})|(?P<rest>\*\*)|(?P<part>\*)|(?P<literal>[^{}*]+|[{}])")
_MEANINGS = {"tag": "[^/]+", "part": "[^/]*", "rest": ".*"}


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> str:
    """The regular expression that a pattern stands for; users write patterns, so only RE2 may match it."""
    found = _TOKEN.finditer(pattern)
    return "".join(_MEANINGS.get(token.lastgroup or "", escaped(token[0])) for token in found)


def allowed(rules: Iterable[AccessRule], service: str, method: str, paths: Iterable[str]) -> bool:
    """Whether one of the rules allows this call to the service of this type."""
    candidates = tuple(paths)
    return any(
        rule.service == service
        and rule.method.upper() == method
        and any(fits(_expression(rule.path), path) for path in candidates)
        for rule in rules
    )
