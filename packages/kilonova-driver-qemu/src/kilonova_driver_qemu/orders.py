"""Which orders are obeyed, what is remembered of a guest that is gone, and how a failure is told."""

from __future__ import annotations

import errno
import logging
import time

from kilonova_driver.errors import DriverError, Internal, NoResources, Stale, Transient
from kilonova_driver.types.orders import Order

from kilonova_driver_qemu.layout import StateFiles
from kilonova_driver_qemu.record import Tombstone, load_tombstone, save_tombstone

log = logging.getLogger(__name__)


def check_order(guest_id: str, order: Order, seen: int) -> None:
    """Refuse an order older than one already obeyed (Stale), or whose time is over (Transient)."""
    if order.generation < seen:
        raise Stale(f"guest {guest_id}: generation {order.generation} is older than {seen}")
    if order.deadline and time.time() > order.deadline:
        late = time.time() - order.deadline
        raise Transient(f"guest {guest_id}: order {order.operation_id} came {late:.1f} seconds past its deadline")


def bury(files: StateFiles, stone: Tombstone) -> None:
    """Remember a removed guest, never with a lower generation than before."""
    path = files.tombstone(stone.guest_id)
    old = load_tombstone(path)
    if old is not None and old.generation > stone.generation:
        return
    try:
        save_tombstone(path, stone)
    except OSError as error:
        log.warning("the tombstone of guest %s cannot be written: %s", stone.guest_id, error)


def as_driver_error(error: Exception) -> DriverError:
    """Make any failure one of the contract's: a full disk is NoResources, what nobody foresaw is Internal."""
    if isinstance(error, DriverError):
        return error
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    failure = NoResources(f"the host's disk is full: {error}") if full else Internal(f"{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
