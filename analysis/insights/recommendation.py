"""Which form to use: the fastest that is not known to be wrong, by size, against autograd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import analytic
from gradiometer.analysis.insights.decision import quotients, with_fastest
from gradiometer.analysis.insights.insight import INFO, WARNING, Insight, where_of
from gradiometer.analysis.insights.view import NOT_CHECKED, WHERE, View

JACOBIAN = "jacobian"
"""`torch.autograd.functional.jacobian`, with which hand-written gradients are commonly checked."""


@dataclass(frozen=True)
class SizeRange:
    """Successive sizes with the same advice. `forms` are those that are nowhere significantly slower than the fastest,
    the fastest first; `speedups` are the first form's at the first and the last size, and `decisions` those against
    autograd. `unchecked` are the forms among them without a verdict.
    """

    size_from: int
    size_to: int
    forms: tuple[str, ...]
    speedups: tuple[float, float]
    decisions: tuple[str | None, str | None]
    unchecked: tuple[str, ...]


def recommendation(view: View) -> list[Insight]:
    """`use` (`ranges` of SizeRange, `sizes` measured) for each case of forms, and `no_form` where none may be advised.

    Where a form that prepares is advised: `use_new_data`, the same of the forms that prepare nothing.
    """
    found = []
    by_case = dict(iter(view.forms.groupby(WHERE, sort=False)))
    timed = view.leading["time_s"].notna().groupby([view.leading[name] for name in WHERE], sort=False).any().to_dict()
    for key, case in analytic(view.leading).groupby(WHERE, sort=False):
        where = where_of(case.iloc[0])
        if key not in by_case:
            if not timed.get(key, False):
                continue  # nothing was measured, autograd included
            found.append(Insight("no_form", WARNING, where, {}))
            continue
        forms = by_case[key]
        ranges = list(_ranges(forms))
        found.append(_use("use", ranges, forms, where_of(forms.iloc[0])))
        prepared = forms.loc[forms["setup_s"].notna(), "method"]
        if {form for it in ranges for form in it.forms} & set(prepared):
            others = forms[~forms["method"].isin(prepared)]
            if len(others):
                others = with_fastest(others.drop(columns=["is_fastest", "behind"]))
                found.append(_use("use_new_data", list(_ranges(others)), others, where))
    return found


def _use(kind: str, ranges: list[SizeRange], forms: pd.DataFrame, where: Any) -> Insight:
    level = WARNING if any(it.unchecked for it in ranges) else INFO
    return Insight(kind, level, where, {"ranges": ranges, "sizes": forms["size"].nunique()})


def _ranges(forms: pd.DataFrame) -> Iterator[SizeRange]:
    """The fewest ranges of successive sizes such that one form is among the fastest throughout each."""
    open_range: list[pd.DataFrame] = []
    common: set[str] = set()
    for _, of_size in forms.sort_values("size").groupby("size"):
        level = of_size[of_size["is_fastest"] | (of_size["behind"] != "slower")]
        names = set(level["method"])
        if open_range and not common & names:
            yield _range(pd.concat(open_range), common)
            open_range, common = [], names
        common = common & names if open_range else names
        open_range.append(level)
    yield _range(pd.concat(open_range), common)


def _range(cells: pd.DataFrame, common: set[str]) -> SizeRange:
    kept = cells[cells["method"].isin(common)]
    rank = kept.groupby("method")["time_s"].agg(lambda times: float(np.log(times).mean())).sort_values()
    forms = tuple(rank.index)
    of_first = kept[kept["method"] == forms[0]].sort_values("size")
    first, last = of_first.iloc[0], of_first.iloc[-1]
    unchecked = kept.loc[kept["evidence"] == NOT_CHECKED, "method"].unique()
    verdicts = [end["verdict"] if pd.notna(end["verdict"]) else None for end in (first, last)]
    speedups = (1 / first["ratio"], 1 / last["ratio"])
    return SizeRange(first["size"], last["size"], forms, speedups, (verdicts[0], verdicts[1]), tuple(unchecked))


def against_jacobian(view: View) -> list[Insight]:
    """`jacobian`: how many `times` as long `functional.jacobian` takes as the fastest form, at each of the `sizes`."""
    jacobian = view.leading[(view.leading["method"] == JACOBIAN) & view.leading["time_s"].notna()]
    fastest = view.forms[view.forms["is_fastest"]]
    pairs = jacobian.merge(fastest, on=["run_id", "case_id"], suffixes=("", "_best"))
    if pairs.empty:
        return []
    pairs = pairs.assign(times=quotients(pairs)[0]).sort_values("size")
    return [
        Insight(JACOBIAN, INFO, where_of(rows.iloc[0]), {"sizes": list(rows["size"]), "times": list(rows["times"])})
        for _, rows in pairs.groupby(WHERE, sort=False)
    ]
