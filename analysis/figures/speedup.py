"""Speed-up over autograd."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry, timed_or_not
from gradiometer.analysis.frames import analytic, timed
from gradiometer.analysis.insights.decision import verdicts, with_fastest
from gradiometer.analysis.text import number
from gradiometer.storage.schema import BASELINE


def _compared(cells: pd.DataFrame) -> pd.DataFrame:
    found = timed(cells[cells["method"] != BASELINE])
    return found[found["ratio"] > 0]


def draw(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """Speed-up (autograd's time over the method's) against size, with the 95 % interval of the paired ratio as a band.
    A panel for each wrt, dtype and run.
    """
    looks = style.styles(methods)
    others = cells[cells["method"] != BASELINE]
    compared = _compared(cells)
    gains = compared.assign(gain=1 / compared["ratio"], low=1 / compared["ratio_high"], high=1 / compared["ratio_low"])
    keys, shown = layout.panel_keys(cells), set(gains["method"]) | {BASELINE} & set(cells["method"])
    figure, axes = layout.panels(len(keys), legend.height(methods, shown), share_y=True, beside=layout.ENDS)
    values = gains[["gain", "low", "high"]].to_numpy().ravel()
    layout.log_scale(axes, "y", [1, *values], lambda gain: f"{number(gain, 1)}×")
    for axis, key in zip(axes, keys, strict=True):
        large = axis is axes[0]
        axis.axhline(1, color=style.INK, linewidth=1.6, zorder=2.5)
        layout.size_axis(axis, sorted(set(layout.of_panel(cells, key)["size"])), crowd=10 if large else 5)
        of_panel = layout.of_panel(gains, key)
        annotate.curves(axis, of_panel, ("gain", "low", "high"), looks)
        if large:
            ends = annotate.ends_of(of_panel, "gain", methods, looks)
            annotate.name_ends(axis, [*ends, annotate.End(1.0, BASELINE, looks.get(BASELINE))])
        absent = layout.of_panel(others, key)
        annotate.not_drawn(axis, absent[~absent.index.isin(compared.index)])
        axis.set_title(layout.panel_title(key))
    axes[0].set_ylabel("speed-up: autograd's time ÷ the method's")
    absent = others[~others.index.isin(compared.index)]
    missing = absent.assign(status=absent["status"].replace("ok", f"without a time of {BASELINE}"))
    note = annotate.missing("a ratio", annotate.reasons(missing))
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def numbers(cells: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """`fastest`: form → sizes at which it is faster than every other form; `slower`: the form with the largest ratio
    among those slower than autograd, its `sizes`, and its largest `ratio` at `size`; `all_faster`: whether every form
    is faster at every size; `last`: the form, size, ratio and verdict at the largest size, where there is one form.
    """
    key = layout.panel_keys(cells)[0]
    forms = with_fastest(analytic(layout.of_panel(_compared(cells), key)))
    found: dict[str, Any] = {"where": key, "measured": sorted(set(forms["size"])), "forms": forms["method"].nunique()}
    if forms.empty:
        return found
    forms = forms.assign(verdict=verdicts(forms))
    rivals = ~forms["is_fastest"] & (forms["behind"] != "slower")
    alone = forms[forms["is_fastest"] & ~forms["size"].isin(forms.loc[rivals, "size"])]
    found["fastest"] = {str(form): sorted(rows["size"]) for form, rows in alone.groupby("method", sort=False)}
    last = forms.sort_values("size").iloc[-1]
    found["last"] = {name: last[name] for name in ("method", "size", "ratio", "verdict")}
    found["all_faster"] = bool((forms["verdict"] == "faster").all())
    slower = forms[forms["verdict"] == "slower"].sort_values("ratio")
    if len(slower):
        worst = slower.iloc[-1]
        sizes = sorted(slower.loc[slower["method"] == worst["method"], "size"])
        found["slower"] = {"form": worst["method"], "sizes": sizes, "ratio": worst["ratio"], "size": worst["size"]}
    return found


speedup = FigureEntry(
    "speedup",
    "Speed-up over autograd",
    "Above the thick line a method is faster than autograd. Bands: 95 % interval of the paired ratio; not drawn where "
    "narrower than the line.",
    timed_or_not,
    draw,
    numbers,
)
