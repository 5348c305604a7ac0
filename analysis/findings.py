"""What a run shows, in sentences with their intervals: a frame in, sentences out. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import explained, launches, scaling, text
from analysis.frames import CONFIGURATION, error_summary
from bench.schema import BASELINE, DTYPES, TIMED_DATA
from bench.statistics import Ratio

GULF = 5.0
"""A gradient costs at most five evaluations of its function (Griewank & Walther, Evaluating Derivatives, 2008).
A form slower than autograd by more than this does more work than a gradient needs."""

TORCH = "torch"
"""The form in `derivations` that stands for torch's own derivative."""

RIGHT = {"exact": "exactly right", "rounded_constants": "right up to constants that were rounded when written"}
"""Verdicts of right derivations, in words."""

Key = tuple[Any, ...]
OF_SERIES = ["problem", "wrt", "shape", *CONFIGURATION]


@dataclass(frozen=True)
class Finding:
    """Sentences on one problem and wrt, in the dtype and configuration that `where` tells."""

    problem: str
    wrt: str
    where: str
    sentences: list[str]


def findings(cells: pd.DataFrame, scores: pd.DataFrame, derivations: pd.DataFrame) -> list[Finding]:
    """For each problem and wrt of one run: is it right; in float32 (else its first dtype), speed, growth, precision.

    `cells` as `analysis.work.with_limits` returns them.
    """
    series = dict(_series(cells))
    led = pd.concat(series.values()) if series else cells
    crossed, reasons = _by_series(scaling.crossovers(led)), _by_series(explained.explained(led))
    exponents, prepared = _by_series(scaling.tail_exponents(led)), _by_series(scaling.preparing_pays(led))
    scored = _by_series(error_summary(led, scores))
    found = []
    for key, case in series.items():
        problem, wrt, shape = key[:3]
        sentences = [
            *rightness(derivations[(derivations["problem"] == problem) & (derivations["wrt"] == wrt)]),
            *speed(case),
            *crossings(crossed(key)),
            *gulf(case),
            *launches.sentences(case),
            *explained.sentences(reasons(key)),
            *growth(exponents(key)),
            *preparation(prepared(key)),
            *precision(scored(key)),
        ]
        first = case.iloc[0]
        found.append(Finding(problem, wrt, configuration(first, shape), sentences or ["Nothing could be measured."]))
    return found


def _series(cells: pd.DataFrame) -> Iterator[tuple[Key, pd.DataFrame]]:
    """Each problem × wrt × shape × configuration, reduced to the dtype that its sentences are about."""
    for key, of_key in cells.groupby(OF_SERIES, sort=False):
        dtypes = list(dict.fromkeys(of_key["dtype"]))
        dtype = "float32" if "float32" in dtypes else dtypes[0]
        yield key, of_key[of_key["dtype"] == dtype]


def _by_series(frame: pd.DataFrame) -> Callable[[Key], pd.DataFrame]:
    """Series → its rows of a table that was made for all of them at once, which takes little longer than for one."""
    parts = dict(iter(frame.groupby(OF_SERIES, sort=False)))
    return lambda key: parts.get(key, frame.head(0))


def configuration(cell: Any, shape: str = "") -> str:
    """`float32, cpu, 1 thread, ieee, hot`, with the overridden dimensions where there are some."""
    threads = f"{cell['threads']} thread{'s' if cell['threads'] != 1 else ''}"
    parts = [cell["dtype"], cell["device"], threads, cell["numerics"], cell["cache"]]
    return ", ".join([*parts[:1], *([shape] if shape else []), *parts[1:]])


def speed(cells: pd.DataFrame) -> list[str]:
    """Which form is fastest at the smallest and at the largest size, and its time against autograd's."""
    forms = cells[(cells["family"] == "analytic") & (cells["status"] == "ok") & cells["ratio"].notna()]
    if forms.empty:
        return []
    ends = sorted({forms["size"].min(), forms["size"].max()})
    return [_fastest(forms[forms["size"] == size].sort_values("time_s")) for size in ends]


def _fastest(forms: pd.DataFrame) -> str:
    best = forms.iloc[0]
    level = forms.loc[(forms["time_low_s"] <= best["time_high_s"]) & (forms["method"] != best["method"]), "method"]
    beside = f" (not told apart from {text.listed(level, 'or')})" if len(level) else ""
    who = f"{best['method']} is the fastest form{beside}," if len(forms) > 1 else f"{best['method']}, the only form, is"
    took = text.seconds(best["time_s"], best["time_low_s"], best["time_high_s"])
    return f"At n = {best['size']} {who} {against(best)}: {took} a call."


def against(cell: Any) -> str:
    """A cell's ratio in words: `4.8 [4.6, 5.0] times as fast as autograd`."""
    ratio, low, high = (float(cell[name]) for name in ("ratio", "ratio_low", "ratio_high"))
    processes = int(cell["processes"])
    verdict = Ratio(ratio, low, high, processes, float(cell["ratio_degrees"])).verdict
    if verdict == "same":
        return f"as fast as {BASELINE}, within 1 %"
    if ratio < 1:
        words = f"{text.interval(1 / ratio, 1 / high, 1 / low)} times as fast as {BASELINE}"
    else:
        words = f"at {text.interval(ratio, low, high)} times {BASELINE}'s time"
    notes = ["one process alone"] * (processes == 1) + ["undecided"] * (verdict == "undecided")
    return f"{words} ({', '.join(notes)})" if notes else words


def crossings(crossed: pd.DataFrame) -> list[str]:
    """Where the forms cross autograd."""
    forms = crossed[(crossed["family"] == "analytic") & crossed["size"].notna()]
    return [
        f"{row['method']} crosses {BASELINE} at n = {text.interval(row['size'], row['size_low'], row['size_high'])}, "
        f"{row['relation']}."
        for row in forms.to_dict("records")
    ]


def gulf(cells: pd.DataFrame) -> list[str]:
    """Whether a form, at the largest size, falls behind autograd by more than a gradient's own cost explains."""
    forms = cells[(cells["family"] == "analytic") & cells["ratio"].notna()]
    if forms.empty:
        return []
    largest = forms[forms["size"] == forms["size"].max()]
    size = largest["size"].iloc[0]
    behind = largest[largest["ratio_low"].fillna(largest["ratio"]) > GULF]
    if behind.empty:
        worst = largest.loc[largest["ratio"].idxmax()]
        ratio = text.interval(worst["ratio"], worst["ratio_low"], worst["ratio_high"])
        return [f"No gulf at n = {size}: the slowest form, {worst['method']}, takes {ratio} times {BASELINE}'s time."]
    return [
        f"A gulf at n = {size}: {row['method']} takes "
        f"{text.interval(row['ratio'], row['ratio_low'], row['ratio_high'])} times {BASELINE}'s time."
        for row in behind.to_dict("records")
    ]


def growth(exponents: pd.DataFrame) -> list[str]:
    """The tail exponents of the forms and of autograd that reach the largest size, in one sentence."""
    kept = exponents[(exponents["family"] == "analytic") | (exponents["method"] == BASELINE)]
    kept = kept[kept["size_to"] == kept["size_to"].max()]
    kept = kept[kept["size_from"] == kept["size_from"].max()]
    if kept.empty:
        return []
    powers = [
        f"{text.exponent(row['exponent'], row['exponent_low'], row['exponent_high'])} ({row['method']})"
        for row in kept.to_dict("records")
    ]
    sizes = f"From n = {kept['size_from'].iloc[0]} to {kept['size_to'].iloc[0]}"
    return [f"{sizes} the time grows as n to the power {text.listed(powers)}."]


def preparation(pays: pd.DataFrame) -> list[str]:
    """From how many calls on preparing pays, at the largest size."""
    largest = pays[pays["size"] == pays["size"].max()]
    sentences = []
    for method, rows in largest.groupby("method", sort=False):
        parts = [f"{row['other']} {_from_calls(row)}" for row in rows.to_dict("records")]
        sentences.append(f"At n = {rows['size'].iloc[0]} preparing {method} pays against {text.listed(parts)}.")
    return sentences


def _from_calls(row: Any) -> str:
    if row["calls"] == float("inf"):
        return "never"
    if row["calls"] <= 1:
        return "from the first call on"
    return f"from {text.interval(row['calls'], row['calls_low'], row['calls_high'])} calls on"


def precision(scores: pd.DataFrame) -> list[str]:
    """The relative error of the forms and of autograd at the largest scored size, in units of roundoff too."""
    scored = scores[(scores["data"] == TIMED_DATA) & (scores["rel_fro"] > 0)]
    kept = scored[(scored["family"] == "analytic") | (scored["method"] == BASELINE)]
    if kept.empty:
        return []
    largest = kept[kept["size"] == kept["size"].max()].sort_values("rel_fro")
    u = DTYPES[largest["dtype"].iloc[0]].unit_roundoff
    parts = [f"{row['method']} {_error(row, u)}" for row in largest.to_dict("records")]
    return [f"Relative error at n = {largest['size'].iloc[0]}, from the most precise: {text.listed(parts)}."]


def _error(row: Any, u: float) -> str:
    in_u = text.interval(row["rel_fro"] / u, row["rel_fro_low"] / u, row["rel_fro_high"] / u, digits=2)
    return f"{text.scientific(row['rel_fro'])} ({in_u} u)"


def rightness(rows: pd.DataFrame) -> list[str]:
    """Which forms of one problem and wrt equal the loss's derivative exactly, and what the others get wrong."""
    forms = rows[rows["form"] != TORCH]
    said = []
    for verdict, meaning in RIGHT.items():
        having = forms[forms["verdict"] == verdict]
        if len(having):
            verb = "is" if len(having) == 1 else "are"
            digits, points = int(having["digits"].min()), int(having["points"].min())
            said.append(f"{text.listed(having['form'])} {verb} {meaning}, to {digits} digits at {points} points.")
    for row in forms[~forms["verdict"].isin(RIGHT)].to_dict("records"):
        said.append(f"{row['form']} is {row['verdict']}: {text.short(row['diagnosis'] or 'no reason was given', 200)}.")
    return said


def derivations(rows: pd.DataFrame) -> str:
    """What is known of the derivations' rightness."""
    if rows.empty:
        return "Whether the derivations are right was not checked in this run."
    forms = rows[rows["form"] != TORCH]
    right = forms["verdict"].isin(RIGHT).sum()
    return f"{right} of {len(forms)} hand-derived gradients are right, in exact arithmetic."


def coverage(cells: pd.DataFrame) -> str:
    """How many of the planned cells were measured, and what became of the rest."""
    lost = cells.loc[cells["status"] != "ok", "status"].value_counts()
    rest = text.counted({str(status): int(count) for status, count in lost.items()})
    return f"{(cells['status'] == 'ok').sum()} of {len(cells)} cells are ok" + (f"; {rest}." if rest else ".")


def disturbance(segments: pd.DataFrame) -> str:
    """The share of the segments that something else on the machine disturbed."""
    if segments.empty:
        return "No segment was recorded."
    disturbed = segments[segments["disturbed"].astype(bool)]
    share = (
        f"{len(disturbed)} of {len(segments)} segments ({100 * len(disturbed) / len(segments):.1f} %) were disturbed"
    )
    causes = disturbed["reason"].dropna().astype(str).str.split("; ").explode()
    counts = causes.map(text.without_numbers).value_counts()
    reasons = [f"{reason} ({count})" for reason, count in counts.items()]
    return f"{share}: {'; '.join(reasons)}." if reasons else f"{share}."


def clock(told: object) -> str:
    """Where the run's wall clock went."""
    if not isinstance(told, dict) or not isinstance(told.get("wall_s"), (int, float)):
        return "Where the run's time went was not recorded."
    measuring, scoring = (told.get(name) or 0.0 for name in ("measuring_s", "scoring_s"))
    return f"Of {told['wall_s']:.0f} s, {measuring:.0f} s went into measuring and {scoring:.0f} s into scoring."
