"""Relative error against size."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry, scored
from gradiometer.analysis.frames import analytic, forms_and_autograd
from gradiometer.storage.schema import BASELINE, DTYPES, TIMED_DATA, data_kinds

COLUMNS = ("rel_fro", "rel_fro_low", "rel_fro_high")


def draw(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """Relative error ‖g − g*‖/‖g*‖ (Frobenius) against size: the median over seeds, the band their range.

    `scores` of `frames.error_summary`. The first panel is on uniform data; its other kinds of data follow, then every
    other wrt, dtype and run on uniform data. Dashed: unit roundoff u = 2⁻ᵖ of the dtype. Dotted: √n·u, on uniform data
    only, because cancellation dominates on the others. A triangle marks a gradient that is zero although the true one
    is not. Along the top, ×k counts the methods without an error to draw.
    """
    looks = style.styles(methods)
    drawn, shown = scores[scores["rel_fro"] > 0], set(scores["method"])
    keys = layout.panel_keys(scores[scores["data"] == TIMED_DATA])
    others = [data for data in data_kinds(layout.of_panel(drawn, keys[0])["data"]) if data != TIMED_DATA]
    panels = [(keys[0], TIMED_DATA), *((keys[0], data) for data in others), *((key, TIMED_DATA) for key in keys[1:])]
    figure, axes = layout.panels(
        len(panels), legend.height(methods, shown), share_y=False, beside=layout.ENDS, named=True
    )
    for axis, (key, data) in zip(axes, panels, strict=True):
        large = axis is axes[0]
        of_panel = layout.of_panel(scores[scores["data"] == data], key)
        found = of_panel[of_panel["rel_fro"] > 0]
        sizes, finite = sorted(set(of_panel["size"])), sorted(set(of_panel.loc[of_panel["finite_seeds"] > 0, "size"]))
        u = [DTYPES[key[1]].unit_roundoff] if key[1] in DTYPES else []
        layout.size_axis(axis, sizes, crowd=10 if large else 5)
        theory = [*u, *annotate.expected(key[1], finite if data == TIMED_DATA else []).values()]
        layout.log_scale([axis], "y", [*theory, *found[list(COLUMNS)].to_numpy().ravel()], layout.power_of_ten)
        annotate.curves(axis, found, COLUMNS, looks)
        ends = annotate.roundoff(axis, key[1], finite[-1] if finite and finite[-1] < sizes[-1] else None)
        if data == TIMED_DATA:
            ends += annotate.growth(axis, key[1], finite)
        if large:
            ends += annotate.ends_of(found, "rel_fro", methods, looks) if finite and finite[-1] == sizes[-1] else []
        annotate.name_ends(axis, ends)
        annotate.zeros(axis, found[found["zero"]], "rel_fro")
        annotate.not_drawn(axis, of_panel[~of_panel.index.isin(found.index)])
        named = (*key, f"{data} data") if large else key if data == TIMED_DATA else (key[0], f"{data} data")
        axis.set_title(layout.panel_title(named))
    axes[0].set_ylabel("relative error of the gradient (no unit)")
    note = "; ".join(filter(None, [
        annotate.missing("an error to draw", annotate.without_error(scores, "rel_fro")),
        f"▽ {annotate.ZERO}" if drawn["zero"].any() else "",
    ]))  # fmt: skip
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def numbers(scores: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """The ranges of the median errors of the `forms` and of `autograd` over `sizes` (of `measured`) on uniform data, in
    units of roundoff where the dtype has one (`in_u`); null where there is none.
    """
    of_data = scores[scores["data"] == TIMED_DATA]
    key, of_panel = layout.first_panel(of_data)
    found = of_panel[of_panel["rel_fro"] > 0]
    unit = DTYPES[key[1]].unit_roundoff if key[1] in DTYPES else 1.0
    ranges = {}
    for who, rows in (("forms", analytic(found)), ("autograd", found[found["method"] == BASELINE])):
        ranges[who] = (rows["rel_fro"].min() / unit, rows["rel_fro"].max() / unit) if len(rows) else None
    sizes = sorted(set(forms_and_autograd(found)["size"]))
    measured = sorted(set(of_panel["size"]))
    return {"where": key, "in_u": key[1] in DTYPES, **ranges, "sizes": sizes, "measured": measured}


error_against_size = FigureEntry(
    "error",
    "Error against size",
    "Relative error in the Frobenius norm against the reference: median over seeds; bands: their range. Dashed: unit "
    "roundoff u of the dtype (u f32: of float32). Dotted, √n · u: expected growth of n rounding errors of random sign, "
    "where products are summed in the dtype itself.",
    scored,
    draw,
    numbers,
)
