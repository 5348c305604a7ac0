"""Two runs, compared: every cell, and what cells have in common. Frames in, tables out; no torch here."""

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
from gradiometer.analysis.compare.drift import State, state
from gradiometer.analysis.compare.matching import CASE, matched
from gradiometer.analysis.compare.moves import with_bounds
from gradiometer.analysis.compare.precision import precision
from gradiometer.analysis.frames import Frames
from gradiometer.statistics import LEVEL, decided

BAND = 0.05
"""The band inside which times of two runs count as the same: a factor from 1/(1 + BAND) to 1 + BAND."""


@dataclass(frozen=True)
class Comparison:
    """B's times over A's. All tables have `ratio`, `ratio_low`, `ratio_high`; those that are judged, a `verdict`.

    `cells`: every cell that either run planned (`matching.matched`, `moves.with_bounds`, `precision.precision`), with
    its ratio, of `quiet_s_b` over `quiet_s_a`, and, beside what its case's methods share, `own_ratio`; null where
    `reason` says why it is not compared.
    `sizes`: families by size; `families`; `methods`: their own ratios; these have `cells`, how many they are of, and
    `of`, how many were planned. `cases`: what a case's methods share; `whole`, one row: what all cases do.
    `state`: how far the machines were from one and the same state, from case to case.
    """

    cells: pd.DataFrame
    sizes: pd.DataFrame
    families: pd.DataFrame
    methods: pd.DataFrame
    cases: pd.DataFrame
    whole: pd.DataFrame
    state: State
    differences: list[Difference]
    band: float

    @property
    def one_machine(self) -> bool:
        """Whether verdicts are on what methods do beyond what their case shares, which is then the machine's state."""
        return comparability.one_machine(self.differences)

    @property
    def label(self) -> str:
        """What every ratio crosses; empty where nothing that matters differs."""
        return comparability.label(self.differences)

    @property
    def crossing(self) -> str:
        """The label in fewer words still: `across other hardware and numerics`."""
        aspects = dict.fromkeys(it.aspect for it in self.differences if it.what != comparability.ALONE)
        return f"across other {text.listed(aspects)}" if aspects else ""


def compare(frames_a: Frames, frames_b: Frames, band: float = BAND) -> Comparison:
    """Compare two runs, each loaded alone: B's time over A's, of quiet times (`analysis.low_quantile`), with 95 %
    intervals over processes.

    On one machine, what the methods of a case share is that minute's or everything's, and is judged by itself; a cell
    and a method are judged by what they do beyond it. On different machines cells and families are judged by their
    times. All verdicts of a comparison hold together (`statistics.decided`). Raises StoreError where samples
    cannot be read.
    """
    both = matched(frames_a, frames_b)
    rows = process_logs(both, frames_a.quiet, frames_b.quiet)
    differences = comparability.differences(frames_a, frames_b)
    one_machine, was = comparability.one_machine(differences), state(frames_a.segments, frames_b.segments)
    unseen = partial(was.unseen, one_machine=one_machine)
    apart = changed(rows, "log", ["place"], "family", unseen).set_index("place")
    own = changed(rows, "own", ["place"], "family").set_index("place")
    shared = rows.drop_duplicates(["run", "case_id_a", "case_id_b", "process"]).assign(all="all")
    methods = changed(rows, "own", ["method", "family"])
    cases = changed(shared, "common", [*CASE, "case_id_a"], unseen=unseen)
    whole = changed(shared, "common", ["all"], unseen=unseen)
    sizes, families = (changed(rows, "log", by, unseen=unseen) for by in (["family", "size"], ["family"]))
    if one_machine:
        beyond = apart[~apart.index.isin(own.index)]
        own, beyond, cases = _judged([own, beyond, cases], band)
        methods, whole = _judged([methods, whole], band)
        verdicts = pd.concat([own["verdict"], beyond["verdict"]])
    else:
        (apart,) = _judged([apart], band)
        sizes, families = _judged([sizes, families], band)
        verdicts = apart["verdict"]
    cells = both.join(apart[CHANGE]).join(own[CHANGE[:3]].rename(columns=lambda name: f"own_{name}"))
    for run, it in (("a", frames_a), ("b", frames_b)):
        quiet = np.exp(it.quiet.groupby("cell_id")["log"].mean())
        cells[f"quiet_s_{run}"] = cells[f"cell_id_{run}"].map(quiet)
    cells["verdict"] = verdicts.reindex(both.index)
    cells.loc[cells["reason"].isna() & cells["ratio"].isna(), "reason"] = "no samples in A or B"
    cells = with_bounds(cells.join(precision(both, frames_a, frames_b)), frames_a, frames_b)
    order = {family: place for place, family in enumerate(dict.fromkeys(both["family"]))}
    sizes = sizes.assign(place=sizes["family"].map(order)).sort_values(["place", "size"], ignore_index=True)
    return Comparison(
        cells, _of(sizes.drop(columns="place"), both), _of(families, both), _of(methods, both), cases, whole,
        was, differences, band,
    )  # fmt: skip


def _of(groups: pd.DataFrame, both: pd.DataFrame) -> pd.DataFrame:
    """`groups` with how many cells of theirs either run planned."""
    by = [name for name in ("family", "method", "size") if name in groups]
    return groups.merge(both.groupby(by).size().rename("of").reset_index(), on=by, how="left")


def _judged(tables: list[pd.DataFrame], band: float) -> list[pd.DataFrame]:
    """The tables with a `verdict` on each ratio; they are decided together, at half the level.

    The other half is for the other tables of the comparison: what is said of many cells at once is few claims, which
    those of every cell would drown.
    """
    whole = pd.concat([table[CHANGE] for table in tables])
    verdicts = decided(whole["ratio"], whole["error"], whole["degrees"], band, LEVEL / 2)
    ends = np.cumsum([0, *map(len, tables)])
    found = [it or "undecided" for it in verdicts]
    return [table.assign(verdict=found[start:end]) for table, (start, end) in zip(tables, pairwise(ends), strict=True)]
