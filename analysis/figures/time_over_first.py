"""Time of runs relative to the first run, by family of methods and size. Part of comparisons, not of FIGURES."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from gradiometer.analysis.drawing import annotate, layout, style
from gradiometer.analysis.text import FAMILIES, family_title, number

MARKERS = "osD^vP<>X"
NAME_ENDS = (8, 11)
"""Letters of a long name that are shown from its beginning and end; names of runs differ at the end."""


def time_over_first(sizes: pd.DataFrame) -> Figure:
    """Geometric mean of each run's times over the first run's, against size, with its 95 % interval. A panel for each
    family, a line for each run; below 1 the run is faster.

    `sizes` has run, family, size, ratio, ratio_low and ratio_high, as in `compare.comparison.Comparison.sizes`. Raises
    ValueError where it is empty.
    """
    if sizes.empty:
        raise ValueError("time_over_first: expected rows to draw, got none; compare runs that have cells in common")
    runs = list(dict.fromkeys(sizes["run"]))
    hues = [color for place, color in enumerate(sns.color_palette("colorblind", 10)) if place not in (5, 7)]
    looks = {
        run: style.Style(hues[place % len(hues)], MARKERS[place % len(MARKERS)], 6, 1.6, 4)
        for place, run in enumerate(runs)
    }
    families = [family for family in FAMILIES if family in set(sizes["family"])]
    families += sorted(set(sizes["family"]) - set(families))
    with style.theme():
        figure, axes = layout.even_panels(len(families), below=0.0, beside=layout.ENDS + 0.3, height=2.3)
        values = sizes[["ratio", "ratio_low", "ratio_high"]].to_numpy().ravel()
        layout.log_scale(axes, "y", [1, *values], lambda ratio: f"{number(ratio, 1)}×")
        for axis, family in zip(axes, families, strict=True):
            of_family = sizes[sizes["family"] == family].assign(method=lambda rows: rows["run"])
            axis.axhline(1, color=style.INK, linewidth=1.2, zorder=2.5)
            layout.size_axis(axis, sorted(set(sizes["size"])), crowd=8)
            annotate.curves(axis, of_family, ("ratio", "ratio_low", "ratio_high"), looks)
            last = of_family.sort_values("size").drop_duplicates("run", keep="last")
            pairs = zip(last["run"], last["ratio"], strict=True)
            annotate.name_ends(axis, [annotate.End(ratio, _named(run), looks[run]) for run, ratio in pairs])
            axis.set_title(family_title(family))
        axes[0].set_ylabel("time ÷ time of the first run")
    return figure


def _named(run: str) -> str:
    first, last = NAME_ENDS
    return run if len(run) <= first + last + 1 else f"{run[:first]}…{run[-last:]}"


def numbers(sizes: pd.DataFrame) -> dict[str, Any]:
    """`family`: the first that occurs; `runs`: run → size, ratio and interval at the smallest and the largest size."""
    family = next((name for name in FAMILIES if name in set(sizes["family"])), "")
    names = ["size", "ratio", "ratio_low", "ratio_high"]
    of_runs = sizes[sizes["family"] == family].sort_values("size").groupby("run", sort=False)
    ends = {str(run): rows[names].iloc[[0, -1]].drop_duplicates().to_dict("records") for run, rows in of_runs}
    return {"family": family, "runs": ends}
