"""What a run shows, in sentences with their intervals: a frame in, sentences out. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import CELL, CONFIGURATION, error_summary, split
from gradiometer.analysis.insights import advice, answers, choice, explained, launches, scaling
from gradiometer.storage.schema import BASELINE, DTYPES, TIMED_DATA

GULF = 5.0
"""A gradient costs at most five evaluations of its function (Griewank & Walther, Evaluating Derivatives, 2008).
A form slower than autograd by more than this does more work than a gradient needs."""

Key = tuple[Any, ...]
OF_SERIES = ["problem", "wrt", "shape", *CONFIGURATION]


@dataclass(frozen=True)
class Finding:
    """Sentences on one problem and wrt, in the dtype and configuration that `where` tells."""

    problem: str
    wrt: str
    where: str
    sentences: list[str]


def findings(
    cells: pd.DataFrame, scores: pd.DataFrame, derivations: pd.DataFrame, most: int | None = None
) -> list[Finding]:
    """For each problem and wrt of one run, the first `most` of them: in float32 (else its first dtype), speed, growth,
    precision. `cells` as `gradiometer.analysis.work.with_limits` returns them.
    """
    series = dict(islice(_series(cells), most))
    led = pd.concat(series.values()) if series else cells
    usable = split(choice.usable(led, derivations), OF_SERIES)
    crossed, reasons = split(scaling.crossovers(led), OF_SERIES), split(explained.explained(led), OF_SERIES)
    exponents, prepared = split(scaling.tail_exponents(led), OF_SERIES), split(scaling.preparing_pays(led), OF_SERIES)
    scored = split(error_summary(led[[*CELL, *OF_SERIES, "dtype", "size", "method", "family"]], scores), OF_SERIES)
    found = []
    for key, case in series.items():
        problem, wrt = key[:2]
        sentences = [
            *speed(usable(key)),
            *crossings(crossed(key)),
            *gulf(case),
            *launches.sentences(case),
            *explained.sentences(reasons(key)),
            *growth(exponents(key)),
            *preparation(prepared(key)),
            *precision(scored(key)),
        ]
        where = answers.configuration(case.iloc[0])
        found.append(Finding(problem, wrt, where, sentences or ["Nothing could be measured."]))
    return found


def _series(cells: pd.DataFrame) -> Iterator[tuple[Key, pd.DataFrame]]:
    """Each problem × wrt × shape × configuration, reduced to the dtype that its sentences are about."""
    for key, of_key in cells.groupby(OF_SERIES, sort=False):
        yield key, of_key[of_key["dtype"] == answers.leading_dtype(of_key)]


def speed(usable: pd.DataFrame) -> list[str]:
    """Which form is fastest from which size to which, and its time against autograd's; `usable` of that name's."""
    cells = sorted(choice.records(usable[usable["ratio"].notna()]), key=lambda cell: int(cell["size"]))
    chosen = [choice.choose(list(of_size)) for _, of_size in groupby(cells, key=lambda cell: int(cell["size"]))]
    alike = groupby(chosen, key=lambda it: (str(it.best["method"]), it.names))
    only = usable["method"].nunique() == 1
    return [
        _fastest([it.best for it in found], names, only) for (_, names), found in ((key, list(of)) for key, of in alike)
    ]


def _fastest(best: list[choice.Cell], names: tuple[str, ...], only: bool) -> str:
    """Of successive sizes, whose fastest form is the same."""
    first, *_, last = [*best, best[-1]]
    level = [name for name in names if name != first["method"]]
    beside = f" (not told apart from {text.listed(level, 'or')})" if level else ""
    who = f"{first['method']}, the only form, is" if only else f"{first['method']} is the fastest form{beside},"
    if first is last:
        return f"At n = {first['size']} {who} {_took(first)}."
    return f"From n = {first['size']} to {last['size']} {who} first {_took(first)}, at last {_took(last)}."


def _took(cell: choice.Cell) -> str:
    return f"{against(cell)} ({text.seconds(cell['time_s'], cell['time_low_s'], cell['time_high_s'])} a call)"


def against(cell: Any) -> str:
    """A cell's ratio in words: `4.8 [4.6, 5.0] times as fast as autograd`."""
    it = choice.against(cell)
    if it.verdict == "same":
        return f"as fast as {BASELINE}, within 1 %"
    if it.ratio < 1:
        words = f"{advice.gain(cell)} times as fast as {BASELINE}"
    else:
        words = f"at {advice.loss(cell)} times {BASELINE}'s time"
    notes = ["one process alone"] * (it.processes == 1) + ["undecided"] * (it.verdict == "undecided")
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
    parts = [f"{row['method']} {_error(row)}" for row in largest.to_dict("records")]
    return [f"Relative error at n = {largest['size'].iloc[0]}, from the most precise: {text.listed(parts)}."]


def _error(row: Any) -> str:
    if row["dtype"] not in DTYPES:
        return text.scientific(row["rel_fro"])
    u = DTYPES[row["dtype"]].unit_roundoff
    middle, low, high = (text.number(row[f"rel_fro{end}"] / u, 2) for end in ("", "_low", "_high"))
    return f"{text.scientific(row['rel_fro'])} ({middle} u, {low} to {high} over {row['seeds']} seeds)"


def derivations(rows: pd.DataFrame) -> str:
    """What is known of the derivations' rightness."""
    if rows.empty:
        return "Whether the derivations are right was not checked in this run."
    forms = rows[~rows["form"].isin(answers.TORCH)]
    right = forms["verdict"].isin(answers.RIGHT).sum()
    return f"{right} of {len(forms)} hand-derived gradients are right, in exact arithmetic."


def coverage(cells: pd.DataFrame) -> list[str]:
    """How many of the planned cells were measured, what became of the rest, and whether one process did it all."""
    lost = cells.loc[cells["status"] != "ok", "status"].value_counts()
    rest = text.counted({str(status): int(count) for status, count in lost.items()})
    said = f"{(cells['status'] == 'ok').sum()} of {len(cells)} cells are ok" + (f"; {rest}." if rest else ".")
    alone = "One process alone measured: intervals are over its segments and decide less."
    return [said, alone] if cells["processes"].max() == 1 else [said]
