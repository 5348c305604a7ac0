"""Curves over sizes: all curves of a table at once, as sorted rows or as a rectangle with one row per curve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import SERIES, timed

KEYS = [*SERIES, "method", "family"]
Integers = np.ndarray[Any, np.dtype[np.integer[Any]]]


@dataclass(frozen=True)
class Curves:
    """Timed `cells`, sorted by curve and size; `number` is the number of the curve of each row, ascending from 0."""

    cells: pd.DataFrame
    number: Integers

    @cached_property
    def starts(self) -> Integers:
        """First row of each curve."""
        return np.flatnonzero(np.diff(self.number, prepend=-1))

    @cached_property
    def stops(self) -> Integers:
        """Last row of each curve, which is that of its largest size."""
        return np.append(self.starts, len(self.number))[1:] - 1

    def where(self, kept: Any) -> Curves:
        """The curves with the rows of the mask `kept` only, numbered anew without the curves that have no row left."""
        numbers = np.unique(self.number[kept], return_inverse=True)[1]
        return Curves(self.cells[kept], numbers)

    def of_each(self, values: Any) -> Any:
        """Repeat one value per curve as one value per row."""
        return np.asarray(values)[self.number]

    def rectangle(self) -> Integers:
        """Row numbers by curve (axis 0) and place in the curve (axis 1); -1 beyond the end of a curve."""
        place = np.arange(len(self.number)) - self.of_each(self.starts)
        found = np.full((len(self.starts), place.max(initial=0) + 1), -1)
        found[self.number, place] = np.arange(len(self.number))
        return found


def curves(cells: pd.DataFrame) -> Curves:
    """The curves of `cells`: one for each series and method, in order of appearance."""
    measured = timed(cells)
    number = measured.groupby(KEYS, sort=False).ngroup().to_numpy("int64")
    order = np.lexsort((measured["size"].to_numpy(), number))
    return Curves(measured.iloc[order], number[order])
