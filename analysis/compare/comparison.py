"""The comparison of two runs as tables: cells, methods, families, sizes, cases, and the runs as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.compare import comparability
from gradiometer.analysis.compare.changes import CHANGE, changed, process_logs
from gradiometer.analysis.compare.comparability import Difference
from gradiometer.analysis.compare.drift import Drift, drift
from gradiometer.analysis.compare.matching import CASE, matched
from gradiometer.analysis.compare.moves import with_bounds
from gradiometer.analysis.compare.precision import precision
from gradiometer.analysis.frames import Frames
from gradiometer.analysis.low_quantile import comparable
from gradiometer.statistics import LEVEL, decide

BAND = 0.05
"""Ratios between 1/(1 + BAND) and 1 + BAND count as equal times; wider than within a run, because runs differ more."""


@dataclass(frozen=True)
class Comparison:
    """B's times over A's. All tables have `ratio`, `ratio_low`, `ratio_high`; those that are judged, a `verdict`.

    `cells`: every cell that either run planned (`matching.matched`, `moves.with_bounds`, `precision.precision`), its
    times `low_quantile_s_a` and `…_b`, their `ratio`, and `relative_ratio`, the ratio relative to the other methods of
    the case; null where `reason` is set. `methods`: relative ratios; `sizes`: families by size; `families`. These have
    `cells`, the number compared, and `planned`. `cases`: the effect shared by all methods of a case; `whole`: one row,
    the effect shared by all cases. `drift`: what empty calls show of the machine.
    """

    cells: pd.DataFrame
    sizes: pd.DataFrame
    families: pd.DataFrame
    methods: pd.DataFrame
    cases: pd.DataFrame
    whole: pd.DataFrame
    drift: Drift
    differences: list[Difference]
    band: float

    @property
    def one_machine(self) -> bool:
        """Whether both runs come from the same machine; verdicts are then on relative and on shared effects."""
        return comparability.one_machine(self.differences)

    @property
    def label(self) -> str:
        """What differs between the runs, with the values; empty where nothing that affects a ratio does."""
        return comparability.label(self.differences)

    @property
    def differs_in(self) -> str:
        """The aspects in which the runs differ: `hardware and numerics`; empty where there are none."""
        found = comparability.aspects(self.differences)
        return text.listed(found) if found else ""


def compare(frames_a: Frames, frames_b: Frames, band: float = BAND) -> Comparison:
    """Compare two runs, each loaded alone, by the 5 % quantiles of block times, with 95 % intervals over processes.

    On one machine, the effect shared by all methods of a case may be drift, so it is judged apart, and cells and
    methods are judged by their effect relative to it. Between machines, cells and families are judged by their times.
    The verdicts of a comparison are corrected together (`statistics.decide`). Raises StoreError where samples cannot
    be read.
    """
    both = matched(frames_a, frames_b)
    low_a, low_b = comparable(both, frames_a.low_quantiles, frames_b.low_quantiles)
    rows = process_logs(both, low_a, low_b)
    differences = comparability.differences(frames_a, frames_b)
    one_machine, drifted = comparability.one_machine(differences), drift(both, frames_a.segments, frames_b.segments)
    between = partial(drifted.of_cases, one_machine=one_machine)
    alone = changed(rows, "log", ["place"], "family", between).set_index("place")
    relative = changed(rows, "relative", ["place"], "family").set_index("place")
    once = rows.drop_duplicates(["run", "case_id_a", "case_id_b", "process"]).assign(all="all")
    methods = changed(rows, "relative", ["method", "family"])
    cases = changed(once, "shared", [*CASE, "case_id_a"], between_runs=between)
    whole = changed(once, "shared", ["all"], between_runs=between)
    sizes, families = (changed(rows, "log", by, between_runs=between) for by in (["family", "size"], ["family"]))
    if one_machine:
        others = alone[~alone.index.isin(relative.index)]
        relative, others, cases = _judged([relative, others, cases], band)
        methods, whole = _judged([methods, whole], band)
        verdicts = pd.concat([relative["verdict"], others["verdict"]])
    else:
        (alone,) = _judged([alone], band)
        sizes, families = _judged([sizes, families], band)
        verdicts = alone["verdict"]
    cells = both.join(alone[CHANGE]).join(relative[CHANGE[:3]].rename(columns=lambda name: f"relative_{name}"))
    for run, low in (("a", low_a), ("b", low_b)):
        mean = np.exp(low.groupby("cell_id")["log"].mean())
        cells[f"low_quantile_s_{run}"] = cells[f"cell_id_{run}"].map(mean)
    cells["verdict"] = verdicts.reindex(both.index)
    cells.loc[cells["reason"].isna() & cells["ratio"].isna(), "reason"] = "no samples in A or B"
    cells = with_bounds(cells.join(precision(both, frames_a, frames_b)), frames_a, frames_b)
    order = {family: place for place, family in enumerate(dict.fromkeys(both["family"]))}
    sizes = sizes.assign(place=sizes["family"].map(order)).sort_values(["place", "size"], ignore_index=True)
    sizes, families, methods = (_with_planned(it, both) for it in (sizes.drop(columns="place"), families, methods))
    return Comparison(cells, sizes, families, methods, cases, whole, drifted, differences, band)


def _with_planned(groups: pd.DataFrame, both: pd.DataFrame) -> pd.DataFrame:
    """`groups` with `planned`, the number of their cells that either run planned."""
    by = [name for name in ("family", "method", "size") if name in groups]
    return groups.merge(both.groupby(by).size().rename("planned").reset_index(), on=by, how="left")


def _judged(tables: list[pd.DataFrame], band: float) -> list[pd.DataFrame]:
    """The tables with a `verdict` on each ratio, corrected together at half the level.

    The other half is spent on the other tables of the comparison. Tables of methods and families contain few tests and
    would lose their power if corrected together with every cell.
    """
    whole = pd.concat([table[CHANGE] for table in tables])
    verdicts = decide(whole["ratio"], whole["error"], whole["degrees"], band=band, level=LEVEL / 2)
    ends = np.cumsum([0, *map(len, tables)])
    found = [it or "undecided" for it in verdicts]
    return [table.assign(verdict=found[start:end]) for table, (start, end) in zip(tables, pairwise(ends), strict=True)]
