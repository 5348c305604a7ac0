"""Columns of `samples`, as a worker fills them."""

from __future__ import annotations

from typing import Any

import numpy as np


class Samples:
    """Sample columns, one entry per block. `candidate` is a name; the others are columns of `samples`."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {
            name: [] for name in ("candidate", "segment", "round", "position", "calls", "time_s", "clock")
        }

    def add(
        self, candidate: str, segment: int, round_: int, position: int, calls: int, time_s: float, clock: str
    ) -> None:
        """Add one block. Its time is rounded to float32: more digits are noise and would double the size of a file."""
        values = (candidate, segment, round_, position, calls, float(np.float32(time_s)), clock)
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)
