"""What every process that serves sets up for itself: when to stop, when to look for garbage, how threads take turns."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys


def let_threads_work() -> None:
    """Take the interpreter away from a thread that works more seldom than Python does.

    The loop and the database threads hand it to each other all the time by themselves; taking it away from one that
    works, every 5 ms as is usual, costs a third of what the controller can do.
    """
    sys.setswitchinterval(0.05)


def settle_memory() -> None:
    """Look for garbage more seldom, and never among what the start has made.

    A list of a thousand servers makes tens of thousands of objects, none of them in a cycle; with Python's own
    threshold of 700 the search for cycles took a third of such an answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def stop_event() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
