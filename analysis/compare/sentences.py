"""A comparison in words, each ratio with its interval and "n of N". A comparison in, sentences out; no torch here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.compare import comparability
from gradiometer.analysis.compare.comparison import Comparison
from gradiometer.analysis.compare.moves import OVERHEAD, WORK
from gradiometer.analysis.compare.precision import LESS_PRECISE
from gradiometer.analysis.insights.launches import LAUNCH_BOUND

FAMILIES = {
    "analytic": "the forms derived by hand",
    "reverse": "reverse mode",
    "forward": "forward mode",
    "numeric": "finite differences",
}
MOVES = ((OVERHEAD, WORK), (WORK, OVERHEAD))
MOST_NAMED = 4
"""So many cells, cases or methods are named in a sentence; the tables have them all."""


def said(compared: Comparison) -> dict[str, list[str]]:
    """Heading → sentences: what is compared, times, overhead and work, precision."""
    what = [*_identity(compared), *_counted(compared)]
    if not compared.cells["reason"].isna().any():
        return {"What is compared": what}
    return {
        "What is compared": what,
        "Time": list(_times_on_one_machine(compared) if compared.one_machine else _times(compared)),
        "Overhead and work": list(_moves(compared)),
        "Precision": list(_precision(compared)),
    }


def _identity(compared: Comparison) -> Iterator[str]:
    found = compared.differences
    software = comparability.label(it for it in found if it.aspect == "software")
    if not compared.one_machine:
        yield f"Not one machine: {comparability.label(it for it in found if it.aspect != 'numerics')}."
    elif software:
        yield f"One machine, {software}."
    else:
        yield "A and B are runs of one machine, as far as they tell, with the same torch."
    numerics = comparability.label(it for it in found if it.aspect == "numerics")
    if not comparability.same_computation(found):
        yield f"Not the same computation: {numerics}. A ratio of times is then not the whole difference: see precision."
    elif numerics:
        yield f"{numerics[0].upper()}{numerics[1:]}, so whether both compute alike is told by their results alone."


def _counted(compared: Comparison) -> Iterator[str]:
    cells = compared.cells
    matched = cells["matched_by"].iloc[0] if len(cells) else "cell_id"
    yield f"{cells['reason'].isna().sum()} of {len(cells)} cells are compared, matched by {matched}."
    if reasons := {str(reason): int(count) for reason, count in cells["reason"].value_counts().items()}:
        yield f"Not compared: {text.counted(reasons)}."


def _crossing(compared: Comparison) -> str:
    return f" ({crossing})" if (crossing := compared.crossing) else ""


def _ratio(row: Any, name: str = "ratio") -> str:
    return f"{text.interval(row[name], row[f'{name}_low'], row[f'{name}_high'])} times A's time"


def _judged(cells: pd.DataFrame) -> str:
    counts = cells["verdict"].value_counts()
    return text.counted({name: int(counts.get(name, 0)) for name in ("faster", "slower", "same", "undecided")})


def _times_on_one_machine(compared: Comparison) -> Iterator[str]:
    judged, band = compared.cells[compared.cells["verdict"].notna()], f"±{100 * compared.band:g} %"
    across = _crossing(compared)
    for row in compared.whole.to_dict("records"):
        yield (
            f"What all methods share, over {row['cells']} cases: B takes {_ratio(row)}{across}: {row['verdict']}. "
            + _state(compared)
        )
    changed = compared.methods[compared.methods["verdict"].isin(["faster", "slower"])]
    for row in changed.to_dict("records"):
        yield (
            f"{row['method']} is {row['verdict']}: beside the other methods it takes {_ratio(row)}, over "
            f"{row['cells']} of {row['of']} cells{across}."
        )
    if changed.empty and len(compared.methods):
        yield f"No method changed beside the others by more than {band}, over all its cells."
    if len(judged):
        yield f"Of {len(judged)} cells, beside what their cases' methods share: {_judged(judged)} (a band of {band})."
    others = judged[judged["verdict"].isin(["faster", "slower"]) & ~judged["method"].isin(changed["method"])]
    yield from _named(others, "own_ratio")
    cases = compared.cases[compared.cases["verdict"].isin(["faster", "slower"])]
    for row in cases.head(MOST_NAMED).to_dict("records"):
        yield f"All methods of {_case(row)} are {row['verdict']}: B takes {_ratio(row)}{across}."
    if len(cases) > MOST_NAMED:
        yield f"And all methods of {len(cases) - MOST_NAMED} more cases are faster or slower."


def _state(compared: Comparison) -> str:
    """What empty calls tell of the machines; on two of them the shift is in what is compared, and no error."""
    was = compared.state
    if pd.isna(was.shift):
        return "A machine's state differs from minute to minute too; these runs do not tell it."
    return (
        f"The state of the processors differs too: in B an empty call takes {text.number(math.exp(was.shift))} times "
        f"A's time, and it varied from case to case by {100 * was.a:.1f} % in A and {100 * was.b:.1f} % in B (standard "
        "deviation); the intervals allow for it."
    )


def _named(cells: pd.DataFrame, name: str) -> Iterator[str]:
    for row in cells.head(MOST_NAMED).to_dict("records"):
        ratio = _ratio(row, name if pd.notna(row[name]) else "ratio")
        yield f"{row['method']} at {_case(row)} is {row['verdict']}: {ratio}."
    if len(cells) > MOST_NAMED:
        yield f"And {len(cells) - MOST_NAMED} more cells of other methods are faster or slower."


def _case(row: Any) -> str:
    return f"{row['problem']}, {row['wrt']}, {row['dtype']}, n = {row['size']}"


def _times(compared: Comparison) -> Iterator[str]:
    across = _crossing(compared)
    for family, rows in compared.sizes.groupby("family", sort=False):
        parts = []
        for verdict, group in groupby(rows.to_dict("records"), key=lambda row: str(row["verdict"])):
            same = list(group)
            ratios = [text.interval(row["ratio"], row["ratio_low"], row["ratio_high"]) for row in same]
            parts.append(f"{verdict} at n = {text.listed(str(row['size']) for row in same)}: {text.listed(ratios)}")
        who = FAMILIES.get(str(family), str(family))
        planned = compared.families.loc[compared.families["family"] == family, "of"].sum()
        count = f"{rows['cells'].sum()} of {planned} cells"
        yield f"{who[0].upper()}{who[1:]}, B's time over A's{across}, {count}: {'; '.join(parts)}."
    if len(compared.sizes):
        yield _state(compared)
    yield from _launches(compared)
    judged = compared.cells[compared.cells["verdict"].notna()]
    if len(judged):
        yield (
            f"Of {len(judged)} cells by themselves, B is {_judged(judged)} (a band of ±{100 * compared.band:g} %). "
            "Verdicts hold together at 5 %: one may be undecided although its own 95 % interval is clear of the band."
        )


def _launches(compared: Comparison) -> Iterator[str]:
    """How much of a comparison of devices is one of their hosts."""
    both = compared.cells[compared.cells["reason"].isna()]
    times = both[[f"{name}_{run}" for name in ("time_s", "device_time_s") for run in "ab"]].apply(pd.to_numeric)
    times = times[(times > 0).all(axis=1)]
    waiting = [times[f"time_s_{run}"] > LAUNCH_BOUND * times[f"device_time_s_{run}"] for run in "ab"]
    bound = waiting[0] & waiting[1]
    if bound.any():
        of_device = (times["device_time_s_b"] / times["device_time_s_a"]).groupby(both["size"]).median()
        middles = text.listed(f"{text.number(ratio)} at n = {size}" for size, ratio in of_device.items())
        yield (
            f"{bound.sum()} of {len(times)} cells with a device's clock are launch-bound in both runs (wall ÷ device "
            f"time above {LAUNCH_BOUND}): there a ratio of times is the hosts' more than the devices'. Of the device "
            f"time alone, B takes in the middle {middles} times A's (medians over the cells, without intervals)."
        )


def _moves(compared: Comparison) -> Iterator[str]:
    known = compared.cells[compared.cells[["bound_a", "bound_b"]].notna().all(axis=1) & compared.cells["reason"].isna()]
    if known.empty:
        yield "Which sizes are bound by overhead, which by work, cannot be told: it takes flops and two sizes in both."
        return
    moves = [(start, end, known[(known["bound_a"] == start) & (known["bound_b"] == end)]) for start, end in MOVES]
    for start, end, going in moves:
        for size, rows in going.groupby("size"):
            of_size = (known["size"] == size).sum()
            methods = rows["method"].value_counts()
            named = [f"{name} ({count})" for name, count in methods.head(MOST_NAMED).items()]
            unnamed = len(methods) - MOST_NAMED
            more = [f"{unnamed} more method{'s' if unnamed > 1 else ''}"] if unnamed > 0 else []
            yield (
                f"At n = {size}, {len(rows)} of {of_size} cells are bound by {start} in A and by {end} in B: "
                f"{text.listed([*named, *more])}."
            )
    if not sum(len(going) for *_, going in moves):
        yield f"None of {len(known)} cells is bound by overhead in one run and by work in the other."


def _precision(compared: Comparison) -> Iterator[str]:
    scored = compared.cells[compared.cells["precision"].notna()]
    if scored.empty:
        yield "No gradient was scored in both runs."
        return
    counts = scored["precision"].value_counts()
    yield f"{counts.get('bitwise', 0)} of {len(scored)} gradients that both scored are the same bit for bit."
    if other := int((scored["other_inputs"] > 0).sum()):
        yield f"In {other} of them the inputs' bits differ, so that an error beside another says little."
    for word in ("less", "more"):
        rows = scored[scored["precision"] == word]
        if rows.empty:
            continue
        where = text.listed(map(str, dict.fromkeys(rows["dtype"])))
        verb = "is" if len(rows) == 1 else "are"
        lost = int((rows["lost_finite" if word == "less" else "gained_finite"] > 0).sum())
        factors = rows["error_ratio"] if word == "less" else 1 / rows["error_ratio"]
        middle, most = (text.number(value, 2) for value in (factors.median(), factors.max()))
        finite = f"; {lost} are finite in {'A' if word == 'less' else 'B'} alone" if lost else ""
        yield (
            f"{len(rows)} {verb} {word} precise in B, in {where}: by a factor above {LESS_PRECISE:g}, {middle} in the "
            f"middle, {most} at most{finite}."
        )
    alike = scored[scored["precision"] == "alike"]
    if len(alike):
        low, high = (float(alike["error_ratio"].quantile(share)) for share in (0.1, 0.9))
        yield (
            f"{len(alike)} differ in bits, and in precision by less than a factor {LESS_PRECISE:g}: B's error is "
            f"{text.number(low, 2)} to {text.number(high, 2)} times A's for the middle 80 %."
        )
