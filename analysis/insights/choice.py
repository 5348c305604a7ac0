"""Which form to use for one gradient at one size: the right ones, by time. Frame in, plain data out. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import timed
from gradiometer.statistics import Ratio, welch

Cell = Mapping[Any, Any]
"""A row of `cells`."""

_RATIO, _TIME = ("ratio", "ratio_log_se", "ratio_df"), ("time_s", "time_log_se", "time_df")
_NEEDED = ["method", "wrt", "size", "setup_s", "processes", *_RATIO, *_TIME, "time_low_s", "time_high_s"]


@dataclass(frozen=True)
class Choice:
    """`level`, the fastest form and those that are not told apart from it, in the order of the methods; `slowest`, the
    slowest of all the forms there are.
    """

    level: tuple[Cell, ...]
    slowest: Cell

    @property
    def best(self) -> Cell:
        """The fastest form."""
        return min(self.level, key=_rank)

    @property
    def names(self) -> tuple[str, ...]:
        """The forms of `level`."""
        return tuple(str(cell["method"]) for cell in self.level)


def usable(cells: pd.DataFrame, derivations: pd.DataFrame) -> pd.DataFrame:
    """The cells of forms that have a time and a finite gradient and are not refuted, `cells` being of one run.

    A derivation that could not be checked does not forbid its form.
    """
    refuted = derivations.loc[derivations["verdict"] == "wrong", ["problem", "wrt", "form"]]
    known_wrong = set(refuted.itertuples(index=False, name=None))
    forms = timed(cells[(cells["family"] == "analytic") & (cells["status"] == "ok")])
    names = forms[["problem", "wrt", "method"]].itertuples(index=False, name=None)
    return forms[np.array([name not in known_wrong for name in names], dtype=bool)]


def records(forms: pd.DataFrame) -> list[Cell]:
    """The cells of `usable`, of what choosing needs."""
    return list(forms[_NEEDED].to_dict("records"))


def choose(cells: Sequence[Cell]) -> Choice:
    """The choice among cells of one case, of which there is at least one."""
    best = min(cells, key=_rank)
    level = [cell for cell in cells if cell is best or quotient(cell, best).verdict != "slower"]
    return Choice(tuple(level), max(cells, key=_rank))


def agreed(chosen: Mapping[str, Choice]) -> dict[str, Choice]:
    """The same choices by wrt, but of the forms that all of them hold alone, where there are such: one answer."""
    common = set.intersection(*(set(it.names) for it in chosen.values())) if chosen else set()
    if not common:
        return dict(chosen)
    return {
        wrt: replace(it, level=tuple(cell for cell in it.level if cell["method"] in common))
        for wrt, it in chosen.items()
    }


def _rank(cell: Cell) -> float:
    """Within a case: the ratio, which is paired, or the time where autograd has none."""
    return float(cell["time_s"] if pd.isna(cell["ratio"]) else cell["ratio"])


def against(cell: Cell) -> Ratio:
    """The time of a cell over autograd's."""
    value, log_se, df = (float(cell[name]) for name in _RATIO)
    return Ratio(value, log_se, df, int(cell["processes"]))


def quotient(cell: Cell, other: Cell) -> Ratio:
    """The time of one cell over that of another of its case, with its 95 % interval.

    Both ratios to autograd are paired, so their quotient is taken, or that of the times where one lacks. The interval
    is Welch's (1947) for independent parts: what the two share makes it too wide rather than too narrow.
    """
    paired = not (pd.isna(cell["ratio"]) or pd.isna(other["ratio"]))
    columns = _RATIO if paired else _TIME
    parts = [[float(row[name]) for name in columns] for row in (cell, other)]
    values, errors, dfs = np.array(parts).T
    error, df = welch(errors, dfs)
    processes = min(int(cell["processes"]), int(other["processes"]))
    return Ratio(float(values[0] / values[1]), float(error), float(df), processes)
