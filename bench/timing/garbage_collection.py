"""Python's garbage collection while timing. The caller's settings are restored."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_frozen() -> Iterator[None]:
    """Exempt the objects that exist now from garbage collection, so that a collection between segments is short.

    If the caller has frozen objects, nothing is frozen here, because `gc.unfreeze` would release the caller's as well.
    """
    gc.collect()
    is_ours = gc.get_freeze_count() == 0
    if is_ours:
        gc.freeze()
    try:
        yield
    finally:
        if is_ours:
            gc.unfreeze()


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Collect garbage now and not again in this context; afterwards collection is on or off as it was before."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
