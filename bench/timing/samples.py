"""Columns of `samples`, as a worker fills them."""

from __future__ import annotations

from typing import Any

import numpy as np


class Samples:
    """Sample columns being filled; `candidate` is a name, the rest are columns of `samples`."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {
            name: [] for name in ("candidate", "segment", "round", "position", "calls", "time_s", "clock")
        }

    def add(
        self, candidate: str, segment: int, round_: int, position: int, calls: int, time_s: float, clock: str
    ) -> None:
        """One block. Its time is rounded to 24 bits, far below any clock's resolution: the rest of them is noise that
        would make half of a sample's bytes.
        """
        values = (candidate, segment, round_, position, calls, float(np.float32(time_s)), clock)
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)
