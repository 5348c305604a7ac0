"""What the trials show, one line each, and whether a target is met (None: too few trials to decide).

The targets' bounds are such that an engine which deserves to pass does so with a probability of at least 0.97.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gradiometer.selftest.candidates import DURATIONS
from gradiometer.statistics.verdicts import BAND

ENOUGH = 20
"""Trials of a kind below which no target is decided."""
POWER = 1 + 1.645 / 1.96
"""Half-widths of a 95 % interval by which a difference must exceed the band to be called with probability 0.95."""


@dataclass(frozen=True)
class Line:
    """One statement about the trials."""

    text: str
    is_met: bool | None = None

    def __str__(self) -> str:
        return f"{self.text}{'' if self.is_met is None else ': met' if self.is_met else ': MISSED'}"


def _of(trials: pd.DataFrame, experiment: str) -> pd.DataFrame:
    return trials[trials["experiment"] == experiment]


def _excludes(rows: pd.DataFrame, value: object) -> pd.Series[bool]:
    return (rows["low"] > value) | (rows["high"] < value)


def false_alarms(trials: pd.DataFrame) -> Iterator[Line]:
    """Identical functions whose 95 % interval excludes 1: about one in twenty. Far fewer mean padded intervals."""
    rows = _of(trials, "null")
    if rows.empty:
        return
    out = _excludes(rows, 1.0)
    cells = out.groupby([rows["condition"], rows["duration"]]).agg(["sum", "count"])
    share, worst = out.mean(), (cells["sum"] / cells["count"]).max()
    enough = cells["count"].min() >= ENOUGH
    met = bool(0.02 <= share <= 0.075 and worst <= 0.11) if enough else None
    yield Line(f"Identical functions: {out.sum()} of {len(out)} intervals exclude 1 (expected 2–7.5 %)", met)
    for row in cells.reset_index().to_dict("records"):
        yield Line(f"  {row['duration']}, machine {row['condition']}: {row['sum']} of {row['count']}")


def false_verdicts(trials: pd.DataFrame) -> Iterator[Line]:
    """Identical functions called faster or slower."""
    rows = _of(trials, "null")
    if rows.empty:
        return
    false = rows["verdict"].isin(["faster", "slower"])
    same = (rows["verdict"] == "same").mean()
    met = bool(false.sum() <= max(1, len(rows) / 400)) if len(rows) >= 20 * ENOUGH else None
    text = f"Identical functions: {false.sum()} of {len(rows)} called faster or slower (expected at most 1 in 400)"
    yield Line(f"{text}, {same:.0%} called the same", met)


def distinct(trials: pd.DataFrame) -> Iterator[Line]:
    """Different functions in fresh processes: whether the interval of a run covers the mean of the other runs."""
    for pair, rows in _of(trials, "distinct").groupby("duration"):
        logs = np.log(rows["ratio"].to_numpy())
        spread = rows["between"].pow(2).mean() ** 0.5
        text = f"{pair}: ratio {np.exp(logs.mean()):.4f}, standard deviation between processes {spread:.2%}"
        if len(rows) < 3:
            yield Line(text)
            continue
        others = np.exp((logs.sum() - logs) / (len(logs) - 1))
        covered = ~_excludes(rows, others)
        half = float(np.median(np.log(rows["high"] / rows["low"]))) / 2
        met = bool(covered.mean() >= 35 / 40) if len(rows) >= ENOUGH else None
        text += f"; {covered.sum()} of {len(rows)} intervals (±{half:.2%}) contain the mean of the other runs"
        yield Line(f"{text} (expected 35 of 40)", met)


def known(trials: pd.DataFrame) -> Iterator[Line]:
    """Known ratios inside their interval."""
    for duration, rows in _of(trials, "known").groupby("duration"):
        covered = ~_excludes(rows, rows["truth"])
        met = bool(covered.mean() >= 0.93) if len(rows) >= ENOUGH else None
        bias = np.log(rows["ratio"] / rows["truth"]).mean()
        text = f"Known ratios at {duration}: {covered.sum()} of {len(rows)} intervals contain the ratio (expected 93 %)"
        yield Line(f"{text}, bias {bias:+.3%}", met)


def differences(trials: pd.DataFrame) -> Iterator[Line]:
    """Small differences found in a second."""
    for name, rows in _of(trials, "difference").groupby("duration"):
        slower, above = (rows["verdict"] == "slower").mean(), (rows["low"] > 1).mean()
        is_target = name == "+3%"
        met = bool(slower >= 0.95) if is_target and len(rows) >= ENOUGH else None
        expected = " (expected 95 %)" if is_target else ""
        text = f"A difference of {name} in {rows['budget_s'].iloc[0]:g} s: {slower:.0%} of {len(rows)} called slower"
        yield Line(f"{text}{expected}, {above:.0%} of the intervals lie above 1", met)


def smallest_differences(trials: pd.DataFrame) -> dict[str, float]:
    """Duration of a call → the relative difference that is called faster or slower with probability 0.95.

    It exceeds the band of `same` by POWER half-widths: the median half-width of identical functions, machine as is.
    """
    rows = _of(trials, "null")
    rows = rows[rows["condition"] == "as is"]
    logs = rows[["low", "high"]].astype(float).map(math.log)
    half = (logs["high"] - logs["low"]).groupby(rows["duration"]).median() / 2
    order = [duration for duration in DURATIONS if duration in half]
    return {duration: float(np.expm1(np.log1p(BAND) + POWER * half[duration])) for duration in order}


def detectable(trials: pd.DataFrame) -> Iterator[Line]:
    """The smallest difference that this machine can detect."""
    found = smallest_differences(trials)
    if found:
        text = ", ".join(f"{share:.1%} at {duration}" for duration, share in found.items())
        yield Line(f"Smallest detectable difference: {text}")


def hostile(trials: pd.DataFrame) -> Iterator[Line]:
    """How far a third candidate that empties the caches changes the ratio and the times of a pair."""
    rows = _of(trials, "hostile")
    if rows.empty:
        return
    logs = rows[["ratio", "time_s"]].astype(float).map(math.log)
    means = logs.groupby(rows["duration"]).mean()
    ratio, time = np.exp(means.loc["beside"] - means.loc["alone"]) - 1
    met = bool(abs(ratio) <= 0.01 and abs(time) <= 0.03) if len(rows) >= 2 * ENOUGH else None
    text = f"A third function that empties the caches: ratio {ratio:+.2%} (expected within 1 %)"
    yield Line(f"{text}, time {time:+.2%} (expected within 3 %)", met)


def housekeeping(trials: pd.DataFrame) -> Iterator[Line]:
    """The time of the empty call, and the budget used."""
    rows = trials[trials["overhead_s"].notna() & (trials["experiment"] == "null")]
    if rows.empty:
        return
    overhead_ns = rows.groupby("duration")["overhead_s"].median() * 1e9
    text = ", ".join(f"{value:.0f} ns at {duration}" for duration, value in overhead_ns.items())
    yield Line(f"Overhead of an empty call, subtracted: {text} (expected at most 25 ns)", bool(overhead_ns.min() <= 25))
    used = rows["wall_s"] / rows["budget_s"]
    inside = used.between(0.9, 1.1).mean()
    text = f"Budget used: {used.min():.0%} to {used.max():.0%}, median {used.median():.0%}"
    met = bool(inside >= 0.99) if len(rows) >= ENOUGH else None
    yield Line(f"{text}; {inside:.1%} of the trials within 90–110 % (expected 99 %)", met)


LINES: tuple[Callable[[pd.DataFrame], Iterator[Line]], ...] = (
    false_alarms, false_verdicts, distinct, known, differences, detectable, hostile, housekeeping,
)  # fmt: skip


def lines(trials: pd.DataFrame) -> list[Line]:
    """Every statement that the trials support."""
    return [line for function in LINES for line in function(trials)]
