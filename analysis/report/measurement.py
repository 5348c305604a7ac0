"""How a run was measured: its words, what run.json says, what interference it, where the time went. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import flatten, methods_of
from gradiometer.analysis.insights import explained, findings, launches

FACTS = {
    "machine": "Machine",
    "versions": "Versions",
    "study": "Study, as frozen",
    "peak_rates": "Ceilings of the machine, as measured",
    "numerics_in_force": "Numerics in force, by device and case",
    "clock": "Where the time went",
}
LONGEST_FACT = 400

WORDS = {
    "wrt": "the input, or inputs together, that the loss is differentiated with respect to",
    "form": "a gradient derived by hand (textbook: in the derivation's own order of operations)",
    "method": "any way to the gradient: a form, or one of PyTorch's",
    "case": "problem × wrt × dimensions × dtype × device × threads × numerics × cache, with the same input bits for "
    "every method",
    "cell": "case × method",
    "ratio": "a method's time over autograd's, paired within rounds of the same process; below 1 is faster",
    "interval": "[low, high] at 95 %, Student's t over processes, its variance moderated by the whole run's (Smyth "
    "2004), for each cell by itself; one process alone: over its segments. Between two methods neither of which is "
    "autograd: Welch's, of their ratios",
    "A or B": "the interval of the quotient of their times, with a band of ±1 %, does not say which is faster",
    "a to b [low, high]": "the least and the most of several ratios, the lowest and the highest end of their intervals",
    "speed-up": "autograd's time over the method's: the ratio upside down; 3 × is three times as fast",
    "trap": "the form with the highest ratio at the sizes shown, where it is slower than autograd",
    "digits": "−log₁₀ of the relative error, at most the p·log₁₀ 2 that the dtype holds: the median over seeds, on "
    "uniform data, of the form advised at that size; the fewest of forms and wrts where they differ",
    "overflow": "a loss or a gradient with an entry that is NaN or infinite, for any seed, on uniform data",
    "segment": "a stretch of a measurement between two rebuilds of the timed callables",
    "interference": "something else on the machine showed during the segment; it is marked, kept and counted",
    "relative error": "‖g − g*‖/‖g*‖ in the Frobenius norm; g* is the loss's derivative in exact arithmetic at the "
    "same rounded inputs (`integer` or `ball`, with a proved radius), or, so marked, autograd in float64",
    "B": "the sum of the absolute values of the terms of each entry; κ = ‖B‖/‖g*‖ says how much they cancel",
    "u": "unit roundoff of the dtype, 2⁻ᵖ: the largest relative error of rounding one number to nearest",
    "launch-bound": "on a device with a clock of its own: a call waits for the host to launch its kernels, so that its "
    f"wall-clock time exceeds its device time by more than a factor {launches.LAUNCH_BOUND}",
    "flops": "each multiply and each add of a call counts one, a transcendental too; counted, not measured",
    "limit": "the least time that a call's flops, or reading its inputs and writing its gradient once, take at the "
    "rates of a large matrix product and of a copy on the same machine, whichever is longer",
    "overhead": "what a call takes before any work counts: t = overhead + cost × work, fitted over the sizes",
    "explained": f"a ratio above {explained.BEYOND:g} or below 1/{explained.BEYOND:g} has its cause told",
    "gulf": f"a form takes more than {findings.GULF:g} times as long as autograd",
}


def facts(
    run: Mapping[str, Any], cells: pd.DataFrame, problems: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, str]]:
    """Heading → name → value, of what run.json says of the run."""
    told = {heading: flatten(run[name]) for name, heading in FACTS.items() if run.get(name)}
    told["Problems"] = {name: _described(entry) for name, entry in problems.items()}
    told["Methods"] = {name: _described(entry) for name, entry in methods_of(run, cells).items()}
    return {
        heading: {text.short(name or "value", 100): text.short(value, LONGEST_FACT) for name, value in rows.items()}
        for heading, rows in told.items()
    }


def _described(entry: Mapping[str, Any]) -> str:
    return "; ".join(str(entry[key]) for key in ("label", "family", "source", "file", "source_hash") if entry.get(key))


def interference(segments: pd.DataFrame) -> str:
    """The share of the segments that something else on the machine interference."""
    if segments.empty:
        return "No segment was recorded."
    interference = segments[segments["interference"].astype(bool)]
    share = f"{len(interference)} of {len(segments)} segments ({100 * len(interference) / len(segments):.1f} %) were interference"
    causes = interference["reason"].dropna().astype(str).str.split("; ").explode()
    counts = causes.map(text.without_measures).value_counts()
    reasons = [f"{reason} ({count})" for reason, count in counts.items()]
    return f"{share}: {'; '.join(reasons)}." if reasons else f"{share}."


def clock(told: object) -> str:
    """Where the run's wall clock went."""
    if not isinstance(told, dict) or not isinstance(told.get("wall_s"), (int, float)):
        return "Where the run's time went was not recorded."
    measuring, scoring = (told.get(name) or 0.0 for name in ("measuring_s", "scoring_s"))
    return f"Of {told['wall_s']:.0f} s, {measuring:.0f} s went into measuring and {scoring:.0f} s into scoring."
