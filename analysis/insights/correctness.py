"""Is each gradient right: the verdicts on the forms."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from gradiometer.analysis.insights.insight import BAD, GOOD, WARNING, Insight, Where
from gradiometer.analysis.insights.view import NOT_CHECKED, RIGHT, View


def correctness(view: View) -> list[Insight]:
    """`right`, `wrong` and `not_checked` for each form; `no_verdicts` for a problem × wrt without any."""
    found = [_insight(row) for row in view.derivations.to_dict("records")]
    judged = {(insight.where.problem, insight.where.wrt) for insight in found if insight.where}
    forms = view.cells[view.cells["family"] == "analytic"]
    cases = forms[["problem", "wrt"]].drop_duplicates().itertuples(index=False, name=None)
    return [*found, *(Insight("no_verdicts", WARNING, Where(*case), {}) for case in cases if case not in judged)]


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
