"""Error by kind of data, relative to the gradient and relative to the terms that it sums."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style
from gradiometer.analysis.drawing.entry import FigureEntry
from gradiometer.analysis.frames import analytic, error_summary
from gradiometer.analysis.text import counted, number
from gradiometer.storage.schema import BASELINE, DTYPES, data_kinds

ERRORS = {"rel_fro_u": "relative to the gradient\n‖e‖ ÷ u‖g*‖", "bwd_fro_u": "relative to its terms\n‖e‖ ÷ u‖B‖"}
MOST_COLUMNS = 5


def by_data_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """The `scores` of the first wrt at the largest size that has both errors on several kinds of data, with
    `rel_fro_u`, the relative error in units of roundoff; empty where there is no such size.
    """
    if scores.empty:
        return scores
    of_first: pd.DataFrame = scores[scores["wrt"] == scores["wrt"].iloc[0]]
    known = of_first[(of_first["rel_fro"] > 0) & (of_first["bwd_fro_u"] > 0) & of_first["dtype"].isin(DTYPES)]
    known = known[known["shape"] == known["shape"].min()]
    kinds = known.groupby("size")["data"].nunique()
    of_size = of_first[of_first["size"] == max(kinds[kinds > 1].index, default=0)]
    kept: pd.DataFrame = of_size[of_size["shape"].isin(known["shape"]) & of_size["dtype"].isin(known["dtype"])]
    roundoff = kept["dtype"].map({name: dtype.unit_roundoff for name, dtype in DTYPES.items()}).astype(float)
    return kept.assign(rel_fro_u=kept["rel_fro"] / roundoff)


def draw(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """Two errors by kind of data in units of roundoff: relative to the gradient (upper panels), and relative to the
    absolute values of the terms that it sums, the backward error (lower panels). Their ratio is κ, along the top.

    A column for each dtype and run; `scores` of `by_data_frame`. Generic methods but autograd are small and pale.
    """
    keys, shown = layout.panel_keys(scores), set(scores["method"])
    kinds = data_kinds(scores["data"])
    drawn = scores[scores["rel_fro"] > 0]
    blocks = [keys[start : start + MOST_COLUMNS] for start in range(0, len(keys), MOST_COLUMNS)]
    figure, axes = _columns([len(block) for block in blocks], legend.height(methods, shown))
    rows = [(block, error) for block in blocks for error in ERRORS]
    for block, error in rows:
        of_row, axes = axes[: len(block)], axes[len(block) :]
        lower = error != next(iter(ERRORS))
        layout.log_scale(of_row, "y", [1, *drawn[error]], layout.power_of_ten)
        of_row[0].set_ylabel(ERRORS[error], fontsize=8.5, linespacing=1.05)
        of_row[0].yaxis.set_label_coords(-0.5 / layout.inches(of_row[0])[0], 0.5)  # in two lines
        for axis, key in zip(of_row, block, strict=True):
            small = key != block[0]
            names = [kind.replace("_", "\n") if small else kind for kind in kinds] if lower else [""] * len(kinds)
            axis.set_xticks(range(len(kinds)), names, fontsize=7.5 if small else 9)
            axis.set_xlim(-0.5, len(kinds) - 0.5)
            axis.tick_params(axis="y", labelleft=not small)
            axis.grid(visible=False, axis="x")
            axis.axhline(1, **annotate.DASHED)
            of_panel = layout.of_panel(scores, key)
            _points(axis, of_panel[of_panel["rel_fro"] > 0], error, kinds, methods)
            if not lower:
                _name_kappas(axis, of_panel, kinds, 7 if small else 8)
                axis.set_title(layout.panel_title([*key, f"n = {of_panel['size'].iloc[0]}"]))
        annotate.name_ends(of_row[-1], [annotate.End(1, "u")])
    failed = annotate.without_error(scores, "rel_fro")
    legend.draw(figure, methods, shown, f"not drawn: {counted(failed)}" if failed else "", layout.LEFT)
    return figure


def _columns(counts: list[int], below: float) -> tuple[Figure, list[Axes]]:
    """Two rows of panels for each of the `counts` of columns, the first column wider; only the lower row has labels."""
    tall, wide = 2.45, (layout.WIDTH - layout.LEFT - (max(counts) + 1) * layout.RIGHT) / (max(counts) + 0.7)
    top, boxes = layout.TOP, []
    for count in counts:
        for _ in ERRORS:
            left = layout.LEFT
            for column in range(count):
                width = wide * (1.7 if column == 0 else 1)
                boxes.append((left, top, width, tall))
                left += width + layout.RIGHT
            top += tall + 0.14
        top += layout.TOP + layout.BELOW - 0.14
    return layout.sheet(boxes, below)


def _name_kappas(axis: Axes, of_panel: pd.DataFrame, kinds: list[str], fontsize: float) -> None:
    """κ of each kind of data along the top, or why it has no point."""
    for place, kind in enumerate(kinds):
        rows = of_panel[of_panel["data"] == kind]
        drawn = rows[rows["rel_fro"] > 0]
        kappa = drawn["kappa"].median()
        ratio = f"κ ≈ {rough(kappa)}" if 0 < kappa < math.inf else ""
        axis.text(
            place, 0.985, ratio if len(drawn) else next(iter(annotate.without_error(rows, "rel_fro")), ""),
            transform=axis.get_xaxis_transform(), ha="center", va="top", fontsize=fontsize, color=style.MUTED,
        )  # fmt: skip


def _points(axis: Axes, of_dtype: pd.DataFrame, error: str, kinds: list[str], methods: style.Methods) -> None:
    """A point for each method and kind of data; side by side, in the methods' order."""
    looks = style.styles(methods)
    shown = [name for name in methods if name in set(of_dtype["method"])]
    for method, points in of_dtype.groupby("method"):
        look = looks[str(method)].point
        own = points["family"].iloc[0] == "analytic" or method == BASELINE
        places = points["data"].map(kinds.index) + 0.7 * ((shown.index(str(method)) + 0.5) / len(shown) - 0.5)
        pale = {} if own else {"markersize": 4.5, "alpha": 0.7}
        axis.add_line(
            Line2D(places.to_numpy(), points[error].to_numpy(), linestyle="none", markeredgewidth=0.5, **look | pale)
        )


def rough(value: float) -> str:
    """A number with two digits; from a thousand on, the nearest power of ten."""
    return number(value, 2) if value < 1000 else layout.power_of_ten(10.0 ** round(math.log10(value)))


def numbers(scores: pd.DataFrame, methods: style.Methods) -> dict[str, Any]:
    """For the kinds of data with the smallest and the largest κ: `data`, `kappa`, and the largest errors of a form (of
    a method, where there is no form: `of_forms`) in units of roundoff, `of_gradient` and `of_terms`; each is a list.
    """
    drawn = scores[(scores["rel_fro"] > 0) & (scores["kappa"] > 0)]
    key, of_panel = layout.first_panel(drawn)
    forms = analytic(of_panel)
    rows = forms if len(forms) else of_panel
    kappas = rows.groupby("data")["kappa"].median().sort_values()
    ends = kappas.iloc[[0, -1]] if len(kappas) > 1 else kappas
    largest = rows.groupby("data")[["rel_fro_u", "bwd_fro_u"]].max().loc[ends.index]
    return {
        "where": key, "size": rows["size"].iloc[0], "of_forms": bool(len(forms)), "data": list(ends.index),
        "kappa": list(ends), "of_gradient": list(largest["rel_fro_u"]), "of_terms": list(largest["bwd_fro_u"]),
    }  # fmt: skip


error_by_data = FigureEntry(
    "data",
    "Error by kind of data",
    "Medians over seeds, in units of roundoff u (dashed). Where terms cancel, the relative error can grow by "
    "κ = ‖B‖ ÷ ‖g*‖ (B: sum of the absolute terms). This part comes from the data (conditioning); the lower panels "
    "show the method's own error.",
    lambda cells, scores: by_data_frame(error_summary(cells, scores)),
    draw,
    numbers,
)
