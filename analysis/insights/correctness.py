"""Is each gradient right: the verdicts on the forms, and what is unusual about how a right one is returned."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from gradiometer.analysis.frames import analytic
from gradiometer.analysis.insights.insight import BAD, GOOD, WARNING, Insight, Where
from gradiometer.analysis.insights.view import NOT_CHECKED, RIGHT, View


def correctness(view: View) -> list[Insight]:
    """`right`, `wrong` or `not_checked` for each form of each wrt; `no_verdicts` for a wrt whose forms have none."""
    found = [_insight(row) for row in view.derivations.to_dict("records")]
    judged = {(it.where.problem, it.where.wrt, it.numbers["form"]) for it in found if it.where}
    with_verdicts = {case[:2] for case in judged}
    forms = analytic(view.cells)
    cases = forms[["problem", "wrt", "method"]].drop_duplicates().itertuples(index=False, name=None)
    for problem, wrt, form in cases:
        if (problem, wrt) in with_verdicts and (problem, wrt, form) not in judged:
            numbers = {"form": form, "reason": None}
            found.append(Insight("not_checked", WARNING, Where(problem, wrt), numbers))
    without = dict.fromkeys(case for case in forms[["problem", "wrt"]].itertuples(index=False, name=None))
    none = (Insight("no_verdicts", WARNING, Where(*case), {}) for case in without if case not in with_verdicts)
    return [*found, *none]


def unusual(view: View) -> list[Insight]:
    """`unusual` for each form that is right but has a `reason`: what is unusual about how it returns its gradient. Such
    a form is not advised.
    """
    noted = analytic(view.cells)
    noted = noted[(noted["status"] == "ok") & noted["reason"].notna() & noted["evidence"].isin(RIGHT)]
    noted = noted.drop_duplicates(["problem", "wrt", "method"])
    return [
        Insight("unusual", WARNING, Where(problem, wrt), {"form": form, "reason": reason})
        for problem, wrt, form, reason in noted[["problem", "wrt", "method", "reason"]].itertuples(index=False)
    ]


def _insight(row: Mapping[Hashable, Any]) -> Insight:
    where, form = Where(str(row["problem"]), str(row["wrt"])), str(row["form"])
    if row["level"] in RIGHT:
        numbers = {"form": form, "evidence": row["level"], "digits": row["digits"], "points": row["points"]}
        return Insight("right", GOOD, where, numbers)
    why = row["diagnosis"] if pd.notna(row["diagnosis"]) else None
    if row["level"] == NOT_CHECKED:
        return Insight("not_checked", WARNING, where, {"form": form, "reason": why})
    error = row["measured_error"] if pd.notna(row["measured_error"]) else None
    return Insight("wrong", BAD, where, {"form": form, "reason": why, "measured_error": error})
