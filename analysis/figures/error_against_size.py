"""Error against size."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured, scored
from gradiometer.analysis.text import number, scientific
from gradiometer.storage.schema import BASELINE, DTYPES, TIMED_DATA, data_kinds

COLUMNS = ("rel_fro", "rel_fro_low", "rel_fro_high")


@style.figure
def error_against_size(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """Relative error ‖g − g*‖/‖g*‖ (Frobenius) against size: the median over seeds, the band their range.

    `scores` (of `frames.error_summary`) are of one problem and configuration. The first panel is on uniform
    data; then come its other kinds of data, then every other wrt and dtype on uniform data. The dashed line is the
    dtype's unit roundoff u = 2⁻ᵖ, the dotted one √n·u, on uniform data alone: what cancels on the others is no rounding
    in the last product. A gradient that is finite for no seed, or exact, is counted along the top.
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
        annotate.not_drawn(axis, of_panel[~of_panel.index.isin(found.index)])
        named = (*key, f"{data} data") if large else key if data == TIMED_DATA else (key[0], f"{data} data")
        axis.set_title(layout.panel_title(named))
    axes[0].set_ylabel("relative error of the gradient (no unit)")
    note = annotate.missing("an error to draw", annotate.without_error(scores, "rel_fro"))
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def reading(scores: pd.DataFrame, methods: style.Methods) -> str:
    """Between which errors the forms and autograd lie on uniform data, in units of roundoff; first wrt and dtype."""
    of_data = scores[scores["data"] == TIMED_DATA]
    key = layout.panel_keys(of_data)[0]
    of_panel = layout.of_panel(of_data, key)
    found = of_panel[of_panel["rel_fro"] > 0]
    parts = []
    for who, rows in (("the forms'", words.forms(found)), (f"{BASELINE}'s", found[found["method"] == BASELINE])):
        if len(rows):
            ends = dict.fromkeys(_in_u(error, key[1]) for error in (rows["rel_fro"].min(), rows["rel_fro"].max()))
            parts.append(f"{who} {' to '.join(ends)}")
    if not parts:
        return words.nothing("an error to draw", key)
    sizes = words.at(words.own(found)["size"], of_panel["size"])
    return f"For {words.where(key)} on {TIMED_DATA} data, at {sizes}, median errors are {' and '.join(parts)}."


def _in_u(error: float, dtype: str) -> str:
    return f"{number(error / DTYPES[dtype].unit_roundoff, 2)} u" if dtype in DTYPES else scientific(error)


ERROR = Figured(
    "error",
    "Error against size",
    "Relative error in the Frobenius norm against the reference: median over seeds, bands their range, where it is "
    "wider than the line. Dashed: unit roundoff u of the dtype (u f32: of float32). Dotted, √n · u: the growth to "
    "expect of n roundings of random sign, where products are summed in the dtype itself.",
    scored,
    error_against_size,
    reading,
)
