"""Machine drift between two runs, measured by empty calls.

All processes measure a case within a few seconds, so the state of the machine in that time (clock rate, neighbours) is
in every time of the case, and processes do not show it. The time of an empty call is taken in every segment and depends
on no method: its change from one run to the other, case by case, is the drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gradiometer.statistics import Floats

BETWEEN_RUNS = 0.02
"""Least standard deviation of a log ratio between two runs of one machine. Three runs on two shared, otherwise idle
cores had 0.013 to 0.020."""


@dataclass(frozen=True)
class Drift:
    """Change of the log of an empty call's time between the runs A and B.

    `a`, `b`: standard deviation from case to case within each run. `deviation`: standard deviation over matched cases
    of the change from A to B, with `degrees` of freedom. `shift`: the median change; NaN where no empty calls match.
    All are taken within one device and cache, because an empty call costs more on a GPU or with cold caches.
    """

    a: float
    b: float
    deviation: float
    degrees: float
    shift: float

    def of_cases(self, cases: Floats, one_machine: bool) -> tuple[Floats, Floats]:
        """Standard deviation of a mean change over so many `cases` due to drift, and its degrees of freedom.

        On one machine the shift is an error too. Between two machines it is part of the difference to be measured.
        """
        deviation = self.deviation / np.sqrt(cases)
        measured = deviation > BETWEEN_RUNS
        shift = self.shift if one_machine and np.isfinite(self.shift) else 0.0
        return np.hypot(np.where(measured, deviation, BETWEEN_RUNS), shift), np.where(measured, self.degrees, np.inf)


def drift(both: pd.DataFrame, segments_a: pd.DataFrame, segments_b: pd.DataFrame) -> Drift:
    """The drift over the cases that `both` (of `matching.matched`) matches; without two such cases, no deviation."""
    cases = both.dropna(subset=["case_id_a", "case_id_b"]).drop_duplicates(["case_id_a", "case_id_b"])
    for run, segments in (("a", segments_a), ("b", segments_b)):
        overheads = segments[segments["overhead_s"] > 0].groupby("case_id")["overhead_s"].median()
        cases[run] = np.log(cases[f"case_id_{run}"].map(overheads).astype(float))
    cases = cases.dropna(subset=["a", "b"]).assign(change=lambda rows: rows["b"] - rows["a"])
    alike = [cases[name] for name in ("device_a", "device_b", "cache")]
    centred = cases[["a", "b", "change"]] - cases.groupby(alike)[["a", "b", "change"]].transform("mean")
    degrees = len(cases) - cases.groupby(alike).ngroups
    a, b, deviation = np.sqrt((centred**2).sum() / degrees) if degrees else (0.0, 0.0, 0.0)
    shifts = cases.groupby(alike)["change"].median()
    shift = max(shifts, key=abs, default=float("nan"))
    return Drift(float(a), float(b), float(deviation), float(degrees), float(shift))
