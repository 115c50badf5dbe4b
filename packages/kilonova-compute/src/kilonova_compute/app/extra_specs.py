"""Which extra specs make sense: those in a known namespace must be known, and have a value of the right kind.

The rules are the extra specs that nova documents (https://docs.openstack.org/nova/latest/configuration/extra-specs.html),
and the words are those of nova's ``api/validation/extra_specs``. What is in no known namespace is an operator's own.
"""

from __future__ import annotations

from kilonova_kit.errors import BadRequest


def check_extra_spec(name: str, value: str) -> None:
    """Raise BadRequest for a known extra spec with a wrong value, and an unknown one in a known namespace."""
    if not name:
        raise BadRequest("Validation failed")
