"""One statement about a run, as data. `gradiometer.analysis.wording` turns insights into sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

GOOD, INFO, WARNING, BAD = "good", "info", "warning", "bad"
"""Levels. A warning needs attention; bad means: do not use the form, or not at this size."""


@dataclass(frozen=True)
class Where:
    """The cases that an insight is about. None: the insight does not depend on that property."""

    problem: str
    wrt: str
    dtype: str | None = None
    shape: str | None = None
    device: str | None = None
    threads: int | None = None
    numerics: str | None = None
    cache: str | None = None

    @property
    def configuration(self) -> tuple[Any, ...] | None:
        """Shape, device, threads, numerics and cache; None where the insight holds for all of them."""
        return None if self.device is None else (self.shape, self.device, self.threads, self.numerics, self.cache)


@dataclass(frozen=True)
class Insight:
    """`kind` selects the sentence in `wording`. The function that returns an insight documents its `numbers`."""

    kind: str
    level: str
    where: Where | None
    numbers: Mapping[str, Any]


def where_of(row: Mapping[Any, Any] | pd.Series[Any]) -> Where:
    """The case of a row of `cells`, or of a table that has those columns."""
    names = ("dtype", "shape", "device", "threads", "numerics", "cache")
    return Where(str(row["problem"]), str(row["wrt"]), **{name: row[name] for name in names})


def from_rows(kind: str, level: str, rows: pd.DataFrame, numbers: Mapping[str, str]) -> list[Insight]:
    """An insight for each row of a table; `numbers` maps its columns to the names of the numbers."""
    return [
        Insight(kind, level, where_of(row), {name: row[column] for column, name in numbers.items()})
        for row in rows.to_dict("records")
    ]
