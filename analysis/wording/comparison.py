"""Sentences for the statements of a comparison, under the headings of its page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.insights.insight import Insight

CHANGE = {"same": "no change", "undecided": "no significant difference"}
MOST_METHODS = 4

Values = Mapping[str, Any]


def sections(statements: Iterable[Insight]) -> dict[str, list[str]]:
    """Heading → sentences; headings without a sentence are left out."""
    found: dict[str, list[str]] = {}
    for it in statements:
        heading, worded = SENTENCES[it.kind]
        found.setdefault(heading, []).append(worded(it.numbers))
    return found


def _ratio(it: Values) -> str:
    return f"B/A = {text.interval(it['ratio'], it['ratio_low'], it['ratio_high'])}{_differs(it)}"


def _differs(it: Values) -> str:
    return f" (runs differ in {it['differs_in']})" if it["differs_in"] else ""


def _case(it: Values) -> str:
    return f"{it['problem']}, {it['wrt']}, {it['dtype']}, n = {it['size']}"


def _machines(it: Values) -> str:
    if not it["same"]:
        return f"A and B come from different machines: {it['label']}."
    if it["label"]:
        return f"A and B appear to come from the same machine, with different {it['label']}."
    return "A and B appear to come from the same machine, with the same torch."


def _drift(it: Values) -> str:
    if pd.isna(it["empty_call_ratio"]):
        return "Machine drift is unknown: the runs have no empty calls in common."
    return (
        f"Machine drift: an empty call took {text.number(it['empty_call_ratio'])}× as long in B; case-to-case "
        f"variation of {100 * it['deviation_a']:.1f} % (A) and {100 * it['deviation_b']:.1f} % (B) is included in the "
        "intervals."
    )


def _verdicts(it: Values) -> str:
    what = "cells relative to the other methods of their case" if it["relative"] else "cells by their times"
    counts = text.counted({name: it[name] for name in ("faster", "slower", "same", "undecided")})
    return (
        f"{it['cells']} {what}: {counts} (band ±{100 * it['band']:g} %, corrected for multiple comparisons; a cell may "
        "be undecided although its own 95 % interval is outside the band)."
    )


def _family(it: Values) -> str:
    parts = []
    for verdict, rows in it["stretches"]:
        ratios = [text.interval(row["ratio"], row["ratio_low"], row["ratio_high"]) for row in rows]
        sizes = text.listed(str(row["size"]) for row in rows)
        parts.append(f"{CHANGE.get(verdict, verdict)} at n = {sizes}: {text.listed(ratios)}")
    cells = f"{it['cells']} of {it['planned']} cells"
    return f"{text.family_title(it['family'])}, {cells}, B/A{_differs(it)}: {'; '.join(parts)}."


def _launch_bound(it: Values) -> str:
    medians = text.listed(f"{text.number(ratio)} at n = {size}" for size, ratio in it["device_ratios"].items())
    return (
        f"{it['cells']} of {it['of']} cells with a device clock are launch-bound in both runs (wall time ÷ device time "
        f"above {it['wall_over_device']:g}): there the ratio reflects the host CPU, not the GPU. Median ratio B/A of "
        f"device times: {medians}."
    )


def _bound(it: Values) -> str:
    named = [f"{name} ({count})" for name, count in list(it["methods"].items())[:MOST_METHODS]]
    unnamed = len(it["methods"]) - len(named)
    more = [f"{unnamed} more {'methods' if unnamed > 1 else 'method'}"] if unnamed else []
    return (
        f"At n = {it['size']}, {it['cells']} of {it['of']} cells are bound by {it['a']} in A and by {it['b']} in B: "
        f"{text.listed([*named, *more])}."
    )


def _scored(it: Values) -> str:
    if not it["gradients"]:
        return "No gradient was scored in both runs."
    return f"{it['bitwise']} of {it['gradients']} gradients scored in both runs are equal bit for bit."


def _precise(word: str, other: str) -> Callable[[Values], str]:
    def worded(it: Values) -> str:
        finite = f"; {it['finite_in_one']} are finite only in {other}" if it["finite_in_one"] else ""
        numbers = f"median {text.number(it['median'], 2)}, largest {text.number(it['largest'], 2)}"
        return (
            f"{it['gradients']} {'is' if it['gradients'] == 1 else 'are'} {word} precise in B "
            f"({', '.join(it['dtypes'])}): by a factor above {it['factor']:g}, {numbers}{finite}."
        )

    return worded


def _alike(it: Values) -> str:
    return (
        f"{it['gradients']} differ in bits but not in precision (errors within a factor {it['factor']:g}): B's error "
        f"is {text.number(it['low'], 2)} to {text.number(it['high'], 2)} times A's for the middle 80 %."
    )


RUNS, TIME, BOUNDS, PRECISION = "Runs compared", "Time", "Overhead and work", "Precision"
SENTENCES: dict[str, tuple[str, Callable[[Values], str]]] = {
    "machines": (RUNS, _machines),
    "other_study": (RUNS, lambda it: f"The runs are of different studies: {it['label']}."),
    "other_source": (RUNS, lambda it: f"The source code of problems differs between the runs: {it['label']}."),
    "other_numerics": (
        RUNS,
        lambda it: f"The runs do not perform the same computation: {it['label']}. Compare their precision too.",
    ),
    "numerics_not_recorded": (
        RUNS,
        lambda it: "Numeric settings were not recorded in both runs; compare the results to see whether they match.",
    ),
    "compared": (
        RUNS, lambda it: f"{it['cells']} of {it['planned']} cells are compared, matched by {it['matched_by']}."
    ),
    "not_compared": (RUNS, lambda it: f"Not compared: {text.counted(it['reasons'])}."),
    "overall": (
        TIME, lambda it: f"Overall: {_ratio(it)}, {CHANGE.get(it['verdict'], it['verdict'])} ({it['cells']} cases)."
    ),
    "drift": (TIME, _drift),
    "method": (
        TIME,
        lambda it: f"{it['method']} is {it['verdict']}: {_ratio(it)} relative to the other methods, over {it['cells']} "
        f"of {it['planned']} cells.",
    ),
    "no_method": (
        TIME, lambda it: f"No method changed relative to the others by more than ±{100 * it['band']:g} %."
    ),
    "verdicts": (TIME, _verdicts),
    "cell": (TIME, lambda it: f"{it['method']} is {it['verdict']} at {_case(it)}: {_ratio(it)}."),
    "more_cells": (TIME, lambda it: f"{it['count']} more cells of other methods are faster or slower."),
    "case": (TIME, lambda it: f"All methods are {it['verdict']} at {_case(it)}: {_ratio(it)}."),
    "more_cases": (TIME, lambda it: f"All methods are faster or slower in {it['count']} more cases."),
    "family": (TIME, _family),
    "launch_bound": (TIME, _launch_bound),
    "bound": (BOUNDS, _bound),
    "scored": (PRECISION, _scored),
    "other_inputs": (
        PRECISION,
        lambda it: f"The input bits differ for {it['gradients']} of them, so their errors are not directly comparable.",
    ),
    "less_precise": (PRECISION, _precise("less", "A")),
    "more_precise": (PRECISION, _precise("more", "B")),
    "alike": (PRECISION, _alike),
}  # fmt: skip
"""Kind of statement → heading, and the function that words its values."""
