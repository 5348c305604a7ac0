"""The tables of one run as the insights read them: sound cells, the forms that may be advised, precision by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gradiometer.analysis.frames import CELL, CONFIGURATION, Frames, described, timed, with_error
from gradiometer.analysis.insights.decision import decisions, with_fastest
from gradiometer.analysis.scores import RANGE
from gradiometer.analysis.work import with_limits
from gradiometer.storage.schema import BASELINE, DTYPES, LEAST_DIGITS, RIGHT_VERDICTS, TIMED_DATA, VERDICTS

WHERE = ["problem", "wrt", "shape", *CONFIGURATION]
"""Columns that one insight is about; its dtype is the leading one unless the insight names another."""

TORCH = ("torch", "torch.func.grad", "torch.autograd.grad")
"""Names in `derivations` of torch's own derivative: before schema version 3, and since."""

LEVELS = {**VERDICTS, "rounded_constants": VERDICTS["agrees"]}
"""Stored verdict, also of older runs → level of evidence."""
NOT_CHECKED = VERDICTS["unchecked"]
RIGHT = tuple(VERDICTS[name] for name in RIGHT_VERDICTS)

MEASURED = ("time_s", "time_low_s", "time_high_s", "device_time_s", "ratio", "ratio_low", "ratio_high")
"""Columns of a wrong form's cells that no insight may use."""

REFUTED_TIMES = 1000.0
"""An unchecked form is refuted by measurement where its error exceeds √u and this many times autograd's error."""


@dataclass(frozen=True)
class View:
    """One run.

    `cells`, in the order of the problems, has the columns of `work.with_limits`, `verdict` (the decision against
    autograd) and `evidence` (the level of a form's verdict, null for generic methods), and no times of wrong forms.
    `leading` are the cells of the dtype that sentences are about. `forms` are the leading cells of forms that may be
    advised (not wrong, and nothing unusual about how they return their gradient), with `is_fastest` and `behind`.
    `precision` has the columns of `frames.with_error` and of `scores.RANGE` on uniform data, and `zeros`.
    """

    run: Mapping[str, Any]
    cells: pd.DataFrame
    leading: pd.DataFrame
    forms: pd.DataFrame
    precision: pd.DataFrame
    derivations: pd.DataFrame
    segments: pd.DataFrame


def view_of(frames: Frames) -> View:
    """The view of `frames`, which are of one run."""
    rows = frames.derivations
    rows = rows[~rows["form"].isin(TORCH) & rows["problem"].isin(frames.cells["problem"])]
    few = rows["verdict"].isin(RIGHT_VERDICTS) & (rows["digits"] < LEAST_DIGITS)
    derivations = rows.assign(level=rows["verdict"].map(LEVELS).fillna(NOT_CHECKED).mask(few, VERDICTS["wrong"]))
    run = frames.runs[0]
    order = list(described(run, "problems", frames.cells["problem"]))
    cells = frames.cells.sort_values(
        "problem", key=lambda names: names.map(order.index), kind="stable", ignore_index=True
    )
    cells = with_limits(cells, run.get("peak_rates"))
    precision = _precision(cells, frames.scores)
    derivations = _with_refuted(_with_wrong_cells(derivations, cells), precision)
    levels = derivations.set_index(["problem", "wrt", "form"])["level"]
    names = pd.MultiIndex.from_frame(cells[["problem", "wrt", "method"]])
    level = pd.Series(levels[~levels.index.duplicated()].reindex(names).to_numpy(object), cells.index)
    evidence = level.fillna(NOT_CHECKED).where(cells["family"] == "analytic", None)
    of_form = (cells["status"] == "wrong").groupby([cells[name] for name in ("problem", "wrt", "method")])
    is_off = of_form.transform("any") & (cells["family"] == "analytic")
    wrong = (cells["status"] == "wrong") | (evidence == "wrong") | is_off
    cells = cells.assign(evidence=evidence, **{name: cells[name].mask(wrong) for name in MEASURED})
    cells["verdict"] = decisions(cells)
    leading = cells[cells["dtype"] == cells.groupby(WHERE, sort=False)["dtype"].transform(leading_dtype)]
    usable = (leading["family"] == "analytic") & (leading["status"] == "ok") & leading["reason"].isna()
    usable &= ~wrong[leading.index]
    zeros = precision.loc[precision["zeros"], "cell_id"]
    forms = with_fastest(timed(leading[usable & ~leading["cell_id"].isin(zeros)]))
    sound = precision[~precision["cell_id"].isin(cells.loc[wrong, "cell_id"])]
    return View(run, cells, leading, forms, sound, derivations, frames.segments)


def leading_dtype(dtypes: pd.Series[str]) -> str:
    """The dtype that sentences are about: float32, in which the question was asked, or else the first."""
    return "float32" if (dtypes == "float32").any() else str(dtypes.iloc[0])


def _precision(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Cells with their errors on uniform data, and `zeros`: the gradient is zero although the true one is not."""
    columns = [*CELL, "case_id", *WHERE, "dtype", "size", "method", "family", "status"]
    on_uniform = scores.loc[scores["data"] == TIMED_DATA, [*CELL, *RANGE]]
    found = with_error(cells[columns], scores).merge(on_uniform, on=CELL, how="left")
    return found.assign(zeros=found["zero"].eq(True))


def _with_wrong_cells(derivations: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """A form with a wrong cell is wrong, whatever was checked at other dimensions or in another dtype."""
    wrong = cells[(cells["family"] == "analytic") & (cells["status"] == "wrong")]
    reasons = wrong.drop_duplicates(["problem", "wrt", "method"]).set_index(["problem", "wrt", "method"])["reason"]
    forms = pd.MultiIndex.from_frame(derivations[["problem", "wrt", "form"]])
    is_new = forms.isin(reasons.index) & (derivations["level"] != "wrong").to_numpy()
    measured = pd.Series(reasons.reindex(forms).to_numpy(object), derivations.index)
    return derivations.assign(
        level=derivations["level"].mask(is_new, "wrong"), diagnosis=derivations["diagnosis"].mask(is_new, measured)
    )


def _with_refuted(derivations: pd.DataFrame, precision: pd.DataFrame) -> pd.DataFrame:
    """Unchecked forms whose error no rounding explains, at every size of their most precise dtype, become wrong."""
    forms = precision[(precision["family"] == "analytic") & precision["rel_fro"].notna() & ~precision["zeros"]]
    of_autograd = precision[precision["method"] == BASELINE][["case_id", "rel_fro"]]
    roundoff = forms["dtype"].map({name: it.unit_roundoff for name, it in DTYPES.items()})
    forms = forms.assign(u=roundoff)[roundoff.notna()].merge(of_autograd, on="case_id", suffixes=("", "_autograd"))
    keys = ["problem", "wrt", "method"]
    forms = forms[forms["u"] == forms.groupby(keys)["u"].transform("min")]
    allowed = np.maximum(forms["u"] ** 0.5, REFUTED_TIMES * forms["rel_fro_autograd"])
    refuted = (forms["rel_fro"] > allowed).groupby([forms[key] for key in keys]).all()
    errors = forms.groupby(keys)["rel_fro"].max()[refuted]
    unchecked = derivations["level"] == NOT_CHECKED
    measured = errors.reindex(pd.MultiIndex.from_frame(derivations[["problem", "wrt", "form"]])).to_numpy()
    found = derivations.assign(measured_error=np.where(unchecked, measured, np.nan))
    found["level"] = found["level"].mask(found["measured_error"].notna(), "wrong")
    return found
