"""Curves over sizes, all of a table at once: as sorted rows, and as rectangles with a row for each. No torch here."""

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
    """Timed `cells`, a curve's together and by size; `number` says which curve each row is of, in order from 0."""

    cells: pd.DataFrame
    number: Integers

    @cached_property
    def starts(self) -> Integers:
        """The row at which each curve starts."""
        return np.flatnonzero(np.diff(self.number, prepend=-1))

    @cached_property
    def stops(self) -> Integers:
        """The row at which each curve ends: its largest size's."""
        return np.append(self.starts, len(self.number))[1:] - 1

    def where(self, kept: Any) -> Curves:
        """The same curves with the rows that are `kept`, numbered anew; one without such a row is gone."""
        numbers = np.unique(self.number[kept], return_inverse=True)[1]
        return Curves(self.cells[kept], numbers)

    def of_each(self, values: Any) -> Any:
        """A value for each curve as one for each row."""
        return np.asarray(values)[self.number]

    def rectangle(self) -> Integers:
        """Rows as curve × place in the curve; -1 beyond the curve's end."""
        place = np.arange(len(self.number)) - self.of_each(self.starts)
        found = np.full((len(self.starts), place.max(initial=0) + 1), -1)
        found[self.number, place] = np.arange(len(self.number))
        return found


def curves(cells: pd.DataFrame) -> Curves:
    """Each series × method with its timed cells by size, in order of appearance."""
    measured = timed(cells)
    number = measured.groupby(KEYS, sort=False).ngroup().to_numpy("int64")
    order = np.lexsort((measured["size"].to_numpy(), number))
    return Curves(measured.iloc[order], number[order])
