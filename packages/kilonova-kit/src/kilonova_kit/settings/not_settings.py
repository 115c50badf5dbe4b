"""Variables that begin as settings do, and mean something else: to the commands in ``bin``, and to tests."""

from __future__ import annotations

NOT_SETTINGS = frozenset(
    {
        "KILONOVA_DATA",
        "KILONOVA_CACHE",
        "KILONOVA_GUEST_IMAGE",
        "KILONOVA_OPENSTACK",
        "KILONOVA_SKIP_NOTHING",
        "KILONOVA_STATES",
        "KILONOVA_STATES_SEED",
        "KILONOVA_STATES_SHRINK",
        "KILONOVA_TEST_WORKERS",
        "KILONOVA_WRITE_GOLDEN",
    }
)
