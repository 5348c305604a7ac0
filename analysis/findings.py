"""What a run shows, in sentences with their intervals: a frame in, sentences out. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import advice, answers, choice, explained, launches, scaling, text
from analysis.frames import CONFIGURATION, error_summary
from bench.schema import BASELINE, DTYPES, TIMED_DATA

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


def findings(cells: pd.DataFrame, scores: pd.DataFrame, derivations: pd.DataFrame) -> list[Finding]:
    """For each problem and wrt of one run: in float32 (else its first dtype), speed, growth, precision.

    `cells` as `analysis.work.with_limits` returns them.
    """
    series = dict(_series(cells))
    led = pd.concat(series.values()) if series else cells
    crossed, reasons = _by_series(scaling.crossovers(led)), _by_series(explained.explained(led))
    exponents, prepared = _by_series(scaling.tail_exponents(led)), _by_series(scaling.preparing_pays(led))
    scored = _by_series(error_summary(led, scores))
    found = []
    for key, case in series.items():
        problem, wrt = key[:2]
        sentences = [
            *speed(choice.usable(case, derivations)),
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


def _by_series(frame: pd.DataFrame) -> Callable[[Key], pd.DataFrame]:
    """Series → its rows of a table that was made for all of them at once, which takes little longer than for one."""
    parts = dict(iter(frame.groupby(OF_SERIES, sort=False)))
    return lambda key: parts.get(key, frame.head(0))


def speed(usable: pd.DataFrame) -> list[str]:
    """Which form is fastest at every size, and its time against autograd's; `usable` as `analysis.choice.usable`'s."""
    compared = usable[usable["ratio"].notna()]
    return [_fastest(of_size) for _, of_size in compared.groupby("size")]


def _fastest(forms: pd.DataFrame) -> str:
    chosen = choice.choose(forms)
    assert chosen is not None
    best = chosen.best
    level = [name for name in chosen.names if name != best["method"]]
    beside = f" (not told apart from {text.listed(level, 'or')})" if level else ""
    who = f"{best['method']} is the fastest form{beside}," if len(forms) > 1 else f"{best['method']}, the only form, is"
    took = text.seconds(best["time_s"], best["time_low_s"], best["time_high_s"])
    return f"At n = {best['size']} {who} {against(best)}: {took} a call."


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
    in_u = text.interval(row["rel_fro"] / u, row["rel_fro_low"] / u, row["rel_fro_high"] / u, digits=2)
    return f"{text.scientific(row['rel_fro'])} ({in_u} u)"


def derivations(rows: pd.DataFrame) -> str:
    """What is known of the derivations' rightness."""
    if rows.empty:
        return "Whether the derivations are right was not checked in this run."
    forms = rows[rows["form"] != answers.TORCH]
    right = forms["verdict"].isin(answers.RIGHT).sum()
    return f"{right} of {len(forms)} hand-derived gradients are right, in exact arithmetic."


def coverage(cells: pd.DataFrame) -> list[str]:
    """How many of the planned cells were measured, what became of the rest, and whether one process did it all."""
    lost = cells.loc[cells["status"] != "ok", "status"].value_counts()
    rest = text.counted({str(status): int(count) for status, count in lost.items()})
    said = f"{(cells['status'] == 'ok').sum()} of {len(cells)} cells are ok" + (f"; {rest}." if rest else ".")
    alone = "One process alone measured: intervals are over its segments and decide less."
    return [said, alone] if cells["processes"].max() == 1 else [said]
