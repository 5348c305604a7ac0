"""How a run was measured: the glossary, the contents of run.json, interference, and use of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import flatten, methods_of
from gradiometer.analysis.insights import launch_bound, slowdown

FACTS = {
    "machine": "Machine",
    "versions": "Versions",
    "study": "Study settings",
    "peak_rates": "Peak rates",
    "numerics_in_force": "Numeric settings",
    "clock": "Use of time",
    "pool": "Pooled runs",
}
LONGEST_FACT = 400

GLOSSARY = {
    "wrt": "the input or inputs with respect to which the loss is differentiated",
    "form": "one hand-written gradient of a problem",
    "method": "any way to compute the gradient: a form, or one of PyTorch's methods",
    "case": "problem × wrt × dimensions × dtype × device × threads × numerics × cache, with the same input bits for "
    "every method",
    "cell": "case × method",
    "ratio": "time of a method over autograd's, paired within the rounds of a process; below 1 is faster",
    "speed-up": "autograd's time over the method's; 3× faster takes a third of the time",
    "interval": "[low, high] at 95 %: Student's t over processes, with a variance moderated over the run (Smyth 2004)",
    "faster, slower, same, undecided": "decision on a ratio with a band of ±1 %, corrected over all ratios of the run; "
    "undecided is worded as no significant difference",
    "evidence": "proved (equal as polynomials), exact (agrees to all digits at several points), agrees (in high "
    "precision), agrees in float64 (within the worst-case rounding error), wrong, not checked",
    "digits": "−log₁₀ of the relative error, at most the p·log₁₀ 2 that the dtype holds: the median over seeds on "
    "uniform data, of the fastest form",
    "overflow": "a loss or gradient with an entry that is NaN or infinite, for any seed on uniform data",
    "all zeros": "the computed gradient is zero although the true gradient is not, because an intermediate value left "
    "the range of the dtype",
    "segment": "a stretch of a measurement between two rebuilds of the timed callables",
    "interference": "other activity on the machine during a segment; such segments are marked, kept and counted",
    "relative error": "‖g − g*‖/‖g*‖ in the Frobenius norm. The reference g* is the exact derivative at the same "
    "rounded inputs (`integer` or `ball`, with a proved radius) or, where so marked, autograd in float64",
    "share of the bound": "the error over the proved bound on it; above 1 proves a bug",
    "condition": "κ = ‖B‖/‖g*‖, where B is the sum of the absolute values of the terms of each entry: how much they "
    "cancel",
    "u": "unit roundoff of the dtype, 2⁻ᵖ: the largest relative error of rounding one number to nearest",
    "launch-bound": "a call waits for the host to launch kernels: its wall-clock time exceeds its device time by more "
    f"than a factor {launch_bound.LAUNCH_BOUND}",
    "flops": "each multiplication, addition and transcendental function of a call counts one",
    "limit": "the least time for the flops of a call, or for reading its inputs and writing its gradient once, at the "
    "peak rates of the machine, whichever is longer",
    "overhead": "the time of a call before any work: time = overhead + cost × work, fitted over the sizes",
    "large slowdown": f"a form takes more than {slowdown.EXCESSIVE:g} times as long as autograd, which a gradient "
    "never needs",
}


def facts(
    run: Mapping[str, Any], cells: pd.DataFrame, problems: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, str]]:
    """Heading → name → value, from run.json."""
    found = {heading: flatten(run[name]) for name, heading in FACTS.items() if run.get(name)}
    found["Problems"] = {name: _described(entry) for name, entry in problems.items()}
    found["Methods"] = {name: _described(entry) for name, entry in methods_of(run, cells).items()}
    return {
        heading: {text.short(name or "value", 100): text.short(value, LONGEST_FACT) for name, value in rows.items()}
        for heading, rows in found.items()
    }


def _described(entry: Mapping[str, Any]) -> str:
    return "; ".join(str(entry[key]) for key in ("label", "family", "source", "file", "source_hash") if entry.get(key))


def interference(segments: pd.DataFrame) -> str:
    """The share of segments with interference, and its causes."""
    if segments.empty:
        return "No segment was recorded."
    marked = segments[segments["interference"].astype(bool)]
    share = f"{len(marked)} of {len(segments)} segments ({100 * len(marked) / len(segments):.1f} %) had interference"
    causes = marked["reason"].dropna().astype(str).str.split("; ").explode()
    counts = causes.map(text.without_measures).value_counts()
    reasons = [f"{reason} ({count})" for reason, count in counts.items()]
    return f"{share}: {'; '.join(reasons)}." if reasons else f"{share}."


def clock(recorded: object) -> str:
    """`263 s: 161 s timing, 95 s precision, 7 s other.`"""
    if not isinstance(recorded, dict) or not isinstance(recorded.get("wall_s"), (int, float)):
        return "The duration of the run was not recorded."
    wall, timing, precision = (float(recorded.get(name) or 0) for name in ("wall_s", "measuring_s", "scoring_s"))
    other = max(wall - timing - precision, 0)
    return f"{wall:.0f} s: {timing:.0f} s timing, {precision:.0f} s precision, {other:.0f} s other."
