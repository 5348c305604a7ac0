"""Statements about a comparison, as insights. `analysis.wording.comparison` words them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pandas as pd

from gradiometer.analysis.compare import comparability
from gradiometer.analysis.compare.comparison import Comparison
from gradiometer.analysis.compare.moves import OVERHEAD, WORK
from gradiometer.analysis.compare.precision import LESS_PRECISE
from gradiometer.analysis.insights.insight import GOOD, INFO, WARNING, Insight
from gradiometer.analysis.insights.launch_bound import LAUNCH_BOUND

MOVES = ((OVERHEAD, WORK), (WORK, OVERHEAD))
MOST_NAMED = 4
"""At most so many cells and cases have a statement each; one more statement counts the others."""
NEWS = ("faster", "slower")
CASE = ("problem", "wrt", "dtype", "size")
RATIO = ("ratio", "ratio_low", "ratio_high", "verdict")


def statements(compared: Comparison) -> list[Insight]:
    """All statements about a comparison, in the order of the page. Those on times have the number `differs_in`, the
    aspects in which the runs differ; there are none where no cell is compared.
    """
    found = [*_runs(compared), *_counts(compared)]
    if compared.cells["reason"].isna().any():
        times = _on_one_machine(compared) if compared.one_machine else _on_two_machines(compared)
        found += [_insight(kind, numbers | {"differs_in": compared.differs_in}) for kind, numbers in times]
        found += [*_bounds(compared), *_precision(compared)]
    return found


def _insight(kind: str, numbers: dict[str, Any]) -> Insight:
    level = {"slower": WARNING, "faster": GOOD}.get(str(numbers.get("verdict")), LEVELS.get(kind, INFO))
    return Insight(kind, level, None, numbers)


LEVELS = {"other_numerics": WARNING, "less_precise": WARNING, "more_precise": GOOD}


def _runs(compared: Comparison) -> Iterator[Insight]:
    found = compared.differences
    of_machine = [it for it in found if it.aspect in ("hardware", "conditions", "software")]
    yield _insight("machines", {"same": compared.one_machine, "label": comparability.label(of_machine)})
    for aspect in ("study", "source", "numerics"):
        of_aspect = [it for it in found if it.aspect == aspect]
        if label := comparability.label(of_aspect):
            yield _insight(f"other_{aspect}", {"label": label})
        elif of_aspect and aspect == "numerics":
            yield _insight("numerics_not_recorded", {})


def _counts(compared: Comparison) -> Iterator[Insight]:
    cells = compared.cells
    matched_by = cells["matched_by"].iloc[0] if len(cells) else "cell_id"
    count = int(cells["reason"].isna().sum())
    yield _insight("compared", {"cells": count, "planned": len(cells), "matched_by": matched_by})
    if reasons := {str(reason): int(count) for reason, count in cells["reason"].value_counts().items()}:
        yield _insight("not_compared", {"reasons": reasons})


Times = Iterator[tuple[str, dict[str, Any]]]


def _on_one_machine(compared: Comparison) -> Times:
    for row in compared.whole.to_dict("records"):
        yield "overall", _values(row, "cells")
    yield "drift", _drift(compared)
    changed = compared.methods[compared.methods["verdict"].isin(NEWS)]
    for row in changed.to_dict("records"):
        yield "method", _values(row, "method", "cells", "planned")
    if changed.empty and len(compared.methods):
        yield "no_method", {"band": compared.band}
    judged = compared.cells[compared.cells["verdict"].notna()]
    yield from _verdicts(compared, judged)
    others = judged[judged["verdict"].isin(NEWS) & ~judged["method"].isin(changed["method"])]
    for row in others.head(MOST_NAMED).to_dict("records"):
        relative = {name: row[f"relative_{name}"] for name in RATIO[:3]}
        yield "cell", _values(row | (relative if pd.notna(relative["ratio"]) else {}), "method", *CASE)
    if len(others) > MOST_NAMED:
        yield "more_cells", {"count": len(others) - MOST_NAMED}
    cases = compared.cases[compared.cases["verdict"].isin(NEWS)]
    for row in cases.head(MOST_NAMED).to_dict("records"):
        yield "case", _values(row, *CASE)
    if len(cases) > MOST_NAMED:
        yield "more_cases", {"count": len(cases) - MOST_NAMED}


def _values(row: Any, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in (*names, *RATIO)}


def _verdicts(compared: Comparison, judged: pd.DataFrame) -> Times:
    if len(judged):
        counts = judged["verdict"].value_counts()
        verdicts = {name: int(counts.get(name, 0)) for name in (*NEWS, "same", "undecided")}
        yield "verdicts", {"cells": len(judged), "relative": compared.one_machine, "band": compared.band, **verdicts}


def _drift(compared: Comparison) -> dict[str, Any]:
    """What empty calls show: B's time over A's (NaN if not recorded), and standard deviations from case to case."""
    drift = compared.drift
    return {"empty_call_ratio": math.exp(drift.shift), "deviation_a": drift.a, "deviation_b": drift.b}


def _on_two_machines(compared: Comparison) -> Times:
    for family, rows in compared.sizes.groupby("family", sort=False):
        planned = compared.families.loc[compared.families["family"] == family, "planned"].sum()
        records = rows[["size", *RATIO]].to_dict("records")
        stretches = [(str(verdict), list(same)) for verdict, same in groupby(records, key=lambda row: row["verdict"])]
        values = {"family": family, "cells": int(rows["cells"].sum()), "planned": int(planned), "stretches": stretches}
        yield "family", values
    if len(compared.sizes):
        yield "drift", _drift(compared)
    yield from _launch_bound(compared)
    yield from _verdicts(compared, compared.cells[compared.cells["verdict"].notna()])


def _launch_bound(compared: Comparison) -> Times:
    """Cells of which both runs wait for their host to launch work, and the ratios of device times by size."""
    both = compared.cells[compared.cells["reason"].isna()]
    times = both[[f"{name}_{run}" for name in ("time_s", "device_time_s") for run in "ab"]].apply(pd.to_numeric)
    times = times[(times > 0).all(axis=1)]
    waiting = [times[f"time_s_{run}"] > LAUNCH_BOUND * times[f"device_time_s_{run}"] for run in "ab"]
    bound = waiting[0] & waiting[1]
    if bound.any():
        device = (times["device_time_s_b"] / times["device_time_s_a"]).groupby(both["size"]).median()
        values = {"cells": int(bound.sum()), "of": len(times), "wall_over_device": LAUNCH_BOUND}
        yield "launch_bound", values | {"device_ratios": {int(str(size)): ratio for size, ratio in device.items()}}


def _bounds(compared: Comparison) -> Iterator[Insight]:
    known = compared.cells[compared.cells[["bound_a", "bound_b"]].notna().all(axis=1) & compared.cells["reason"].isna()]
    for start, end in MOVES:
        for size, rows in known[(known["bound_a"] == start) & (known["bound_b"] == end)].groupby("size"):
            counts = {"cells": len(rows), "of": int((known["size"] == size).sum())}
            methods = {str(name): int(count) for name, count in rows["method"].value_counts().items()}
            yield _insight("bound", {"size": size, "a": start, "b": end, **counts, "methods": methods})


def _precision(compared: Comparison) -> Iterator[Insight]:
    scored = compared.cells[compared.cells["precision"].notna()]
    bitwise = int((scored["precision"] == "bitwise").sum())
    yield _insight("scored", {"gradients": len(scored), "bitwise": bitwise})
    if other := int((scored["other_inputs"] > 0).sum()):
        yield _insight("other_inputs", {"gradients": other})
    for word, finite in (("less", "lost_finite"), ("more", "gained_finite")):
        rows = scored[scored["precision"] == word]
        if len(rows):
            factors = rows["error_ratio"] if word == "less" else 1 / rows["error_ratio"]
            values = {"factor": LESS_PRECISE, "median": factors.median(), "largest": factors.max()}
            values |= {"gradients": len(rows), "finite_in_one": int((rows[finite] > 0).sum())}
            yield _insight(f"{word}_precise", values | {"dtypes": list(dict.fromkeys(rows["dtype"]))})
    alike = scored[scored["precision"] == "alike"]
    if len(alike):
        low, high = (float(alike["error_ratio"].quantile(share)) for share in (0.1, 0.9))
        yield _insight("alike", {"gradients": len(alike), "factor": LESS_PRECISE, "low": low, "high": high})
