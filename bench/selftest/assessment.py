"""What the trials show, a line each, and whether a target is met; null where there were too few trials to tell.

The targets' bounds are such that an engine which deserves to pass does so with a probability of 0.97 or more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Floats = np.ndarray[Any, np.dtype[np.float64]]

ENOUGH = 20
"""Trials of a kind below which a target is neither met nor missed."""


@dataclass(frozen=True)
class Line:
    """One thing that the trials show."""

    text: str
    is_met: bool | None = None

    def __str__(self) -> str:
        return f"{self.text}{'' if self.is_met is None else ': met' if self.is_met else ': MISSED'}"


def _of(trials: pd.DataFrame, experiment: str) -> pd.DataFrame:
    return trials[trials["experiment"] == experiment]


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    return zip(frame.index, frame.to_dict("records"), strict=True)


def _leaves_out(rows: pd.DataFrame, value: object) -> pd.Series[bool]:
    return (rows["low"] > value) | (rows["high"] < value)


def alarms(trials: pd.DataFrame) -> Iterator[Line]:
    """Null pairs whose 95 % interval leaves out 1: about one in twenty; far fewer would mean padded intervals."""
    rows = _of(trials, "null")
    if rows.empty:
        return
    out = _leaves_out(rows, 1.0)
    cells = out.groupby([rows["condition"], rows["duration"]]).agg(["sum", "count"])
    told = ", ".join(f"{where}, {what} {row['sum']} of {row['count']}" for (where, what), row in _rows(cells))
    share, worst = out.mean(), (cells["sum"] / cells["count"]).max()
    enough = cells["count"].min() >= ENOUGH
    met = bool(0.02 <= share <= 0.075 and worst <= 0.11) if enough else None
    yield Line(f"null pairs, intervals without 1: {out.sum()} of {len(out)} ({told}); wanted 2 to 7.5 %", met)


def false_verdicts(trials: pd.DataFrame) -> Iterator[Line]:
    """Null pairs called faster or slower."""
    rows = _of(trials, "null")
    if rows.empty:
        return
    false = rows["verdict"].isin(["faster", "slower"])
    same = (rows["verdict"] == "same").mean()
    met = bool(false.sum() <= max(1, len(rows) / 400)) if len(rows) >= 20 * ENOUGH else None
    text = f"null pairs called faster or slower: {false.sum()} of {len(rows)}, same: {same:.0%}"
    yield Line(f"{text}; wanted at most 1 false in 400", met)


def distinct(trials: pd.DataFrame) -> Iterator[Line]:
    """Distinct pairs in fresh processes: does a run's interval cover the mean of the others?"""
    for pair, rows in _of(trials, "distinct").groupby("duration"):
        logs = np.log(rows["ratio"].to_numpy())
        text = f"{pair}: ratio {np.exp(logs.mean()):.4f}, between processes {rows['between'].pow(2).mean() ** 0.5:.2%}"
        if len(rows) < 3:
            yield Line(f"{text} (standard deviation)")
            continue
        others = np.exp((logs.sum() - logs) / (len(logs) - 1))
        covered = ~_leaves_out(rows, others)
        half = float(np.median(np.log(rows["high"] / rows["low"]))) / 2
        met = bool(covered.mean() >= 35 / 40) if len(rows) >= ENOUGH else None
        said = f"{covered.sum()} of {len(rows)} runs cover the others' mean; wanted 35 of 40"
        yield Line(f"{text}, half-width {half:.2%}; {said}", met)


def known(trials: pd.DataFrame) -> Iterator[Line]:
    """Known ratios covered by their interval."""
    for duration, rows in _of(trials, "known").groupby("duration"):
        covered = ~_leaves_out(rows, rows["truth"])
        met = bool(covered.mean() >= 0.93) if len(rows) >= ENOUGH else None
        bias = np.log(rows["ratio"] / rows["truth"]).mean()
        text = f"known ratios of {duration} calls: {covered.sum()} of {len(rows)} covered, bias {bias:+.3%}"
        yield Line(f"{text}; wanted 93 %", met)


def differences(trials: pd.DataFrame) -> Iterator[Line]:
    """Small differences found in a second."""
    for name, rows in _of(trials, "difference").groupby("duration"):
        slower, without = (rows["verdict"] == "slower").mean(), (rows["low"] > 1).mean()
        text = f"{name} in {rows['budget_s'].iloc[0]:g} s: called slower in {slower:.0%} of {len(rows)}"
        text += f", interval above 1 in {without:.0%}"
        is_target = name == "+3%"
        met = bool(slower >= 0.95) if is_target and len(rows) >= ENOUGH else None
        yield Line(f"{text}{'; wanted 95 %' if is_target else ''}", met)


def against_peers(trials: pd.DataFrame) -> Iterator[Line]:
    """Root mean square error of a null pair's ratio, and its quotient with every peer's, with a bootstrap interval."""
    rows = _of(trials, "peers")
    if rows.empty:
        return
    square = rows["ratio"].map(math.log) ** 2
    enough = rows.groupby(["harness", "duration"]).size().min() >= ENOUGH
    ours = rows["harness"] == "gradiometer"
    rms = square[ours].mean() ** 0.5
    by_duration = square[ours].groupby(rows["duration"]).mean() ** 0.5
    told = ", ".join(f"{duration} {value:.2%}" for duration, value in by_duration.items())
    wall = rows.loc[ours, "wall_s"].mean()
    text = f"error of a null ratio in {wall:.2f} s: {rms:.2%} ({told}); wanted 0.5 %"
    yield Line(text, bool(rms <= 0.005) if enough else None)
    for harness, theirs in rows[~ours].groupby("harness"):
        other = square[theirs.index]
        quotient, low, high = _quotient(square[ours].to_numpy(), other.to_numpy())
        met = bool(low <= 1) if enough else None
        told = f"{other.mean() ** 0.5:.2%} in {theirs['wall_s'].mean():.2f} s"
        yield Line(f"{harness}: {told}; ours is {quotient:.2f} [{low:.2f}, {high:.2f}] of it; wanted at most 1", met)


def _quotient(ours: Floats, theirs: Floats) -> tuple[float, float, float]:
    """√(mean ours / mean theirs), with a 95 % bootstrap interval over trials."""
    from scipy import stats

    def statistic(a: Floats, b: Floats, axis: int = -1) -> Any:
        return np.sqrt(a.mean(axis=axis) / b.mean(axis=axis))

    found = stats.bootstrap((ours, theirs), statistic, n_resamples=2000, method="percentile", rng=0)
    low, high = found.confidence_interval
    return float(statistic(ours, theirs)), float(low), float(high)


def hostile(trials: pd.DataFrame) -> Iterator[Line]:
    """How far a cache-hostile neighbour moves the ratio and the times of a pair."""
    rows = _of(trials, "hostile")
    if rows.empty:
        return
    logs = rows[["ratio", "time_s"]].astype(float).map(math.log)
    means = logs.groupby(rows["duration"]).mean()
    ratio, time = np.exp(means.loc["beside"] - means.loc["alone"]) - 1
    met = bool(abs(ratio) <= 0.01 and abs(time) <= 0.03) if len(rows) >= 2 * ENOUGH else None
    yield Line(
        f"a cache-hostile third candidate moves the ratio {ratio:+.2%}, the time {time:+.2%}; wanted 1 and 3 %", met
    )


def housekeeping(trials: pd.DataFrame) -> Iterator[Line]:
    """The empty call's time, and the budget used."""
    rows = trials[trials["overhead_s"].notna() & (trials["experiment"] == "null")]
    if rows.empty:
        return
    floor_ns = rows.groupby("duration")["overhead_s"].median() * 1e9
    told = ", ".join(f"{value:.0f} ns beside {duration}" for duration, value in floor_ns.items())
    yield Line(f"overhead, subtracted: {told}; wanted 25 ns", bool(floor_ns.min() <= 25))
    used = rows["wall_s"] / rows["budget_s"]
    inside = used.between(0.9, 1.1).mean()
    text = f"budget used: median {used.median():.0%}, {used.min():.0%} to {used.max():.0%}"
    yield Line(f"{text}; within 90 to 110 % in {inside:.1%}", bool(inside >= 0.99) if len(rows) >= ENOUGH else None)


LINES: tuple[Callable[[pd.DataFrame], Iterator[Line]], ...] = (
    alarms, false_verdicts, distinct, known, differences, against_peers, hostile, housekeeping,
)  # fmt: skip


def lines(trials: pd.DataFrame) -> list[Line]:
    """Everything that the trials show."""
    return [line for function in LINES for line in function(trials)]
