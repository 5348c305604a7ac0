"""One row for each problem and wrt of a run, as data: is it right, which form is best, how precise, where it overflows.

The terminal and the table of answers show these rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import CONFIGURATION, Frames, described
from gradiometer.analysis.insights.view import NOT_CHECKED, RIGHT, WHERE, View, view_of
from gradiometer.statistics import Estimate

EVIDENCE = (*RIGHT, "wrong", NOT_CHECKED)
"""Levels of evidence, from best to worst."""


@dataclass(frozen=True)
class BestForm:
    """The fastest form of one case that is not known to be wrong, against autograd.

    `speedup` is autograd's time over the form's, NaN where there is no ratio; `log_se` and `df` are the standard error
    of its log and the degrees of freedom. `decision` is faster, slower, same or undecided, corrected over the run;
    None where there is no ratio. `ties` are the other forms that do not differ significantly from it. `evidence` is
    one of EVIDENCE: a form that was not checked must be shown as such.
    """

    size: int
    form: str
    evidence: str
    speedup: float
    log_se: float
    df: float
    decision: str | None
    ties: tuple[str, ...]

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the 95 % interval of the speed-up."""
        return Estimate(self.speedup, self.log_se, self.df).interval()


@dataclass(frozen=True)
class OverviewRow:
    """The answers on one problem × wrt in its first configuration and leading dtype.

    `evidence` counts the forms at each level of EVIDENCE that occurs; `wrong` and `unchecked` map forms to a diagnosis
    or reason. `best` has an entry for the smallest and the largest size at which a form may be advised (one where they
    are the same, none where there is no such form). `digits` maps dtypes to the fewest decimal digits that the best
    form at the largest size keeps over the sizes at which it is finite. `overflows` and `zeros` map dtypes to the
    first size at which that form's gradient (autograd's, where no form is best) is not finite, or is zero although the
    true gradient is not.
    """

    problem: str
    label: str
    wrt: str
    dtype: str
    configuration: Mapping[str, str]
    evidence: Mapping[str, int]
    wrong: Mapping[str, str]
    unchecked: Mapping[str, str]
    best: tuple[BestForm, ...]
    digits: Mapping[str, float]
    overflows: Mapping[str, int]
    zeros: Mapping[str, int]


def overview(frames: Frames) -> list[OverviewRow]:
    """A row for each problem × wrt of the first run in `frames`, in the order of the problems."""
    return rows_of(view_of(frames.of_run(str(frames.runs[0]["run_id"]))))


def rows_of(view: View) -> list[OverviewRow]:
    """The same for a run whose view is already at hand."""
    problems = described(view.run, "problems", view.cells["problem"])
    leading = view.leading.drop_duplicates(["problem", "wrt"]).set_index("problem", drop=False)
    return [
        _row(view, case, str(problems[problem]["label"]))
        for problem in problems
        if problem in leading.index
        for _, case in leading.loc[[problem]].iterrows()
    ]


def _row(view: View, case: pd.Series, label: str) -> OverviewRow:
    problem, wrt, dtype = str(case["problem"]), str(case["wrt"]), str(case["dtype"])
    verdicts = view.derivations[(view.derivations["problem"] == problem) & (view.derivations["wrt"] == wrt)]
    best = _best(_of(view.forms, case))
    method = best[-1].form if best else "autograd"
    scored = _of(view.precision, case)
    scored = scored[scored["method"] == method]
    digits = scored[scored["digits"].notna() & ~scored["zeros"]].groupby("dtype", sort=False)["digits"].min()
    return OverviewRow(
        problem, label, wrt, dtype, {name: str(case[name]) for name in ("shape", *CONFIGURATION)},
        {level: count for level in EVIDENCE if (count := int((verdicts["level"] == level).sum()))},
        _why(verdicts[verdicts["level"] == "wrong"]), _why(verdicts[verdicts["level"] == NOT_CHECKED]),
        best, {str(name): float(value) for name, value in digits.items()},
        _first_sizes(scored[scored["finite"].eq(False)]), _first_sizes(scored[scored["zeros"]]),
    )  # fmt: skip


def _of(table: pd.DataFrame, case: pd.Series) -> pd.DataFrame:
    return table[np.logical_and.reduce([table[name] == case[name] for name in WHERE])]


def _why(rows: pd.DataFrame) -> dict[str, str]:
    """Form → the diagnosis; the measured error for a form that only its measured error refutes."""
    return {
        str(form): f"measured relative error {error:.2g}" if pd.notna(error) else str(why or "no reason was recorded")
        for form, error, why in zip(rows["form"], rows["measured_error"], rows["diagnosis"].fillna(""), strict=True)
    }


def _best(forms: pd.DataFrame) -> tuple[BestForm, ...]:
    fastest = forms[forms["is_fastest"]].sort_values("size")
    ends = fastest.iloc[[0, -1]].drop_duplicates("size") if len(fastest) else fastest
    return tuple(
        BestForm(
            size=int(row["size"]),
            form=str(row["method"]),
            evidence=str(row["evidence"]),
            speedup=1 / float(row["ratio"]),
            log_se=float(row["ratio_log_se"]),
            df=float(row["ratio_df"]),
            decision=row["verdict"] if pd.notna(row["verdict"]) else None,
            ties=_ties(forms, row),
        )
        for row in ends.to_dict("records")
    )


def _ties(forms: pd.DataFrame, best: Mapping[Hashable, Any]) -> tuple[str, ...]:
    tied = (forms["size"] == best["size"]) & ~forms["is_fastest"] & (forms["behind"] != "slower")
    return tuple(forms["method"][tied])


def _first_sizes(rows: pd.DataFrame) -> dict[str, int]:
    return {str(dtype): int(size) for dtype, size in rows.groupby("dtype", sort=False)["size"].min().items()}
