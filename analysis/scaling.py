"""How times grow with size: exponents, crossovers, and when preparing pays. Frame in, frame out; no torch here.

Every function takes `cells` (of `Frames`, with its `shape` column) and returns one row per finding, which begins with
the columns of `SERIES` and `method`. Intervals are 95 % and come from the cells' own; null where those are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis.frames import SERIES, timed
from analysis.intervals import Floats, half_width, log_standard_error
from bench.schema import BASELINE
from bench.statistics import BAND, decided, verdict_of

TAIL = 4
"""A tail exponent is fitted over the sizes of at least the largest over this."""

EXPONENTS = [*SERIES, "method", "family", "scope", "size_from", "size_to", "points"]
CROSSOVERS = [*SERIES, "method", "family", "size_from", "size_to", "relation"]
PREPARING = [*SERIES, "size", "dims", "method", "other", "setup_s", "time_s", "other_time_s"]


def _curves(cells: pd.DataFrame) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    """Each series × method and its timed cells by size."""
    keys = [*SERIES, "method", "family"]
    for key, curve in timed(cells).groupby(keys, sort=False):
        yield dict(zip(keys, key, strict=True)), curve.sort_values("size")


def _slope(curve: pd.DataFrame) -> tuple[float, float, float]:
    """Weighted least-squares slope of log time on log size, with its 95 % interval.

    β = Σw(x−x̄)y / Σw(x−x̄)², w = 1/s². A spread below the ±1 % band is processes agreeing by luck, so s is at least
    that. With more than two points the interval is widened by √(χ²/(k−2)) where that exceeds 1, so that a curve that is
    no power law says so: R. T. Birge, "The calculation of errors by the method of least squares", Phys. Rev. 40 (1932).
    """
    x, y = np.log(curve["size"].to_numpy(float)), np.log(curve["time_s"].to_numpy(float))
    degrees = curve["time_degrees"].to_numpy(float)
    errors = np.maximum(log_standard_error(curve["time_low_s"], curve["time_high_s"], degrees), BAND)
    weights = 1 / errors**2 if np.isfinite(errors).all() else np.ones_like(x)
    centred = x - np.average(x, weights=weights)
    shares = weights * centred / (weights * centred**2).sum()
    slope = float(shares @ y)
    residuals = y - np.average(y, weights=weights) - slope * centred
    lack_of_fit = float((weights * residuals**2).sum()) / (len(x) - 2) if len(x) > 2 else 1.0
    half = float(half_width(shares * errors, degrees)) * max(1.0, lack_of_fit) ** 0.5
    return slope, slope - half, slope + half


def _exponents(curve: pd.DataFrame, scope: str) -> dict[str, object]:
    found = dict(zip(("exponent", "exponent_low", "exponent_high"), _slope(curve), strict=True))
    sizes = curve["size"]
    return {"scope": scope, "size_from": sizes.iloc[0], "size_to": sizes.iloc[-1], "points": len(curve), **found}


def local_exponents(cells: pd.DataFrame) -> pd.DataFrame:
    """The exponent between every two successive sizes of a curve: log(t₂/t₁) / log(n₂/n₁)."""
    rows = [
        key | _exponents(curve.iloc[start : start + 2], "local")
        for key, curve in _curves(cells)
        for start in range(len(curve) - 1)
    ]
    return pd.DataFrame(rows, columns=[*EXPONENTS, "exponent", "exponent_low", "exponent_high"])


def tail_exponents(cells: pd.DataFrame) -> pd.DataFrame:
    """The exponent a of time ∝ sizeᵃ over each curve's largest sizes (size ≥ largest / 4), where there are two."""
    rows = []
    for key, curve in _curves(cells):
        tail = curve[curve["size"] >= curve["size"].max() / TAIL]
        if len(tail) > 1:
            rows.append(key | _exponents(tail, "tail"))
    return pd.DataFrame(rows, columns=[*EXPONENTS, "exponent", "exponent_low", "exponent_high"])


def verdicts(cells: pd.DataFrame) -> pd.Series[str]:
    """Each cell's verdict against autograd by itself: faster, slower, same or undecided."""
    return pd.Series(list(map(verdict_of, cells["ratio_low"], cells["ratio_high"])), cells.index, str)


def table_verdicts(cells: pd.DataFrame) -> pd.Series[str]:
    """Each cell's verdict against autograd, over the whole table at 5 % together; null for autograd and without time.

    Tables are apart by run: one that is read beside another says what it says alone.
    """
    compared = timed(cells)
    compared = compared[(compared["method"] != BASELINE) & compared["ratio_low"].notna()]
    found = pd.Series(None, cells.index, object)
    for _, of_run in compared.groupby("run_id", sort=False):
        degrees = of_run["ratio_degrees"].to_numpy(float)
        errors = log_standard_error(of_run["ratio_low"], of_run["ratio_high"], degrees)
        several = of_run["processes"].to_numpy() > 1  # one process alone is no sample of processes
        found.loc[of_run.index] = decided(of_run["ratio"], np.where(several, errors, np.nan), degrees)
    return found


def crossovers(cells: pd.DataFrame) -> pd.DataFrame:
    """Where each method crosses autograd: `size` with `size_low`, `size_high`, and `relation` in words.

    A crossing lies between two successive sizes at which the verdicts are decided and differ; what is undecided in
    between is stepped over, so noise around 1 makes none. The log of the ratio is interpolated linearly in log size,
    and so are the ends of its interval: they pass 1 between the same two sizes, which bounds the crossing.
    A method that never crosses has one row without a size, whose relation says so; one per crossing otherwise.
    """
    rows = []
    for key, curve in _curves(cells[(cells["method"] != BASELINE) & cells["ratio"].notna()]):
        ends = {"size_from": curve["size"].iloc[0], "size_to": curve["size"].iloc[-1]}
        verdict = verdicts(curve)
        places = np.flatnonzero(verdict.isin(["faster", "slower"]))
        crossings = [(start, stop) for start, stop in pairwise(places) if verdict.iloc[start] != verdict.iloc[stop]]
        for start, stop in crossings:
            between = curve.iloc[start : stop + 1]
            relation = f"{verdict.iloc[start]} below, {verdict.iloc[stop]} above"
            ends_of_interval = _passes_one(between, "ratio_low") + _passes_one(between, "ratio_high")
            sizes = {"size": float(np.median(_passes_one(between, "ratio")))}
            sizes |= {"size_low": min(ends_of_interval), "size_high": max(ends_of_interval)}
            rows.append(key | ends | {"relation": relation} | sizes)
        if not crossings:
            rows.append(key | ends | {"relation": _throughout(set(verdict))})
    return pd.DataFrame(rows, columns=[*CROSSOVERS, "size", "size_low", "size_high"])


def _passes_one(between: pd.DataFrame, column: str) -> list[float]:
    """The sizes at which `column` passes 1, its log linear in log size; where it begins and ends on other sides."""
    known = between[between[column].notna()]
    x, y = np.log(known["size"].to_numpy(float)), np.log(known[column].to_numpy(float))
    places = np.flatnonzero(np.sign(y[1:]) != np.sign(y[:-1]))
    return [float(np.exp(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i]))) for i in places]


def _throughout(verdicts: set[str]) -> str:
    """A method without a crossing, in words."""
    for verdict in ("faster", "slower"):
        if verdict in verdicts:
            return f"{verdict} at every size" if verdicts == {verdict} else f"{verdict} or not told apart"
    return "not told apart"


def preparing_pays(cells: pd.DataFrame) -> pd.DataFrame:
    """From how many calls on a form that prepares once is cheaper than another form of the same case: `calls`.

    calls = setup / (time of the other − time of the prepared); `setup_s` is null where a form prepares nothing. The
    difference's 95 % interval is Welch's on the times (s_t = t·s_log t, first order), and gives `calls_low` and
    `calls_high`. Infinite: it never pays, or may never.
    """
    analytic = timed(cells)
    analytic = analytic[analytic["family"] == "analytic"]
    right = analytic[["run_id", "case_id", "method", "setup_s", *_TIMES]]
    pairs = analytic.merge(right, on=["run_id", "case_id"], suffixes=("", "_other"))
    pairs = pairs[pairs["setup_s"].notna() & (pairs["method"] != pairs["method_other"])]
    extra_s = (pairs["setup_s"] - pairs["setup_s_other"].fillna(0.0)).to_numpy(float)
    saved = (pairs["time_s_other"] - pairs["time_s"]).to_numpy(float)
    half = half_width(*_errors_in_seconds(pairs))
    rows = pairs.rename(columns={"method_other": "other", "time_s_other": "other_time_s"})[PREPARING].copy()
    for name, difference in (("calls", saved), ("calls_low", saved + half), ("calls_high", saved - half)):
        with np.errstate(divide="ignore"):
            rows[name] = np.where(np.isnan(difference), np.nan, np.where(difference > 0, extra_s / difference, np.inf))
    return rows.reset_index(drop=True)


_TIMES = ["time_s", "time_low_s", "time_high_s", "time_degrees"]


def _errors_in_seconds(pairs: pd.DataFrame) -> tuple[Floats, Floats]:
    """Standard errors and degrees of freedom of the two times of each pair, side by side, in seconds."""
    both = []
    for end in ("", "_other"):
        low, high, degrees = (pairs[f"{name}{end}"].to_numpy(float) for name in _TIMES[1:])
        both.append((log_standard_error(low, high, degrees) * pairs[f"time_s{end}"].to_numpy(float), degrees))
    return np.stack([errors for errors, _ in both], axis=-1), np.stack([degrees for _, degrees in both], axis=-1)
