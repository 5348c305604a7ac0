"""Error by kind of data: relative to the gradient, and to the terms it is the sum of."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured
from gradiometer.analysis.frames import error_summary
from gradiometer.analysis.text import counted, number
from gradiometer.storage.schema import BASELINE, DTYPES, data_kinds

ERRORS = {"rel_fro_u": "relative to the gradient\n‖e‖ ÷ u‖g*‖", "bwd_fro_u": "relative to its terms\n‖e‖ ÷ u‖B‖"}


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


@style.figure
def error_by_data(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """Two errors by kind of data, both in units of roundoff: above relative to the gradient, below relative to the
    absolute values of the terms that it sums (the backward error). Their ratio is κ, named along the top.

    A column per dtype (`scores` of `by_data_frame`, of one problem and configuration). The generic methods beside
    autograd are small and pale.
    """
    dtypes, shown = layout.by_dtype(scores["dtype"]), set(scores["method"])
    kinds = data_kinds(scores["data"])
    drawn = scores[scores["rel_fro"] > 0]
    figure, axes = _columns(len(dtypes), legend.height(methods, shown))
    for row, (error, label) in enumerate(ERRORS.items()):
        of_row = axes[row * len(dtypes) : (row + 1) * len(dtypes)]
        layout.log_scale(of_row, "y", [1, *drawn[error]], layout.power_of_ten)
        of_row[0].set_ylabel(label, fontsize=8.5, linespacing=1.05)
        of_row[0].yaxis.set_label_coords(-0.5 / layout.inches(of_row[0])[0], 0.5)  # in two lines
        for axis, dtype in zip(of_row, dtypes, strict=True):
            small = dtype != dtypes[0]
            names = [kind.replace("_", "\n") if small else kind for kind in kinds] if row else [""] * len(kinds)
            axis.set_xticks(range(len(kinds)), names, fontsize=7.5 if small else 9)
            axis.set_xlim(-0.5, len(kinds) - 0.5)
            axis.tick_params(axis="y", labelleft=not small)
            axis.grid(visible=False, axis="x")
            axis.axhline(1, **annotate.DASHED)
            _points(axis, drawn[drawn["dtype"] == dtype], error, kinds, methods)
        annotate.name_ends(of_row[-1], [annotate.End(1, "u")])
    for axis, dtype in zip(axes, dtypes, strict=False):
        of_dtype = scores[scores["dtype"] == dtype]
        _name_kappas(axis, drawn[drawn["dtype"] == dtype], kinds, 7 if dtype != dtypes[0] else 8)
        parts = (of_dtype["wrt"].iloc[0], dtype, of_dtype["shape"].iloc[0], f"n = {of_dtype['size'].iloc[0]}")
        axis.set_title(layout.panel_title([str(part) for part in parts]))
    failed = annotate.without_error(scores, "rel_fro")
    legend.draw(figure, methods, shown, f"not drawn: {counted(failed)}" if failed else "", layout.LEFT)
    return figure


def _columns(count: int, below: float) -> tuple[Figure, list[Axes]]:
    """Two rows of a panel for each dtype, the first column wider; the rows close, as only the lower has labels."""
    tall, wide = 2.45, (layout.WIDTH - layout.LEFT - 2 * layout.RIGHT - (count - 1) * layout.RIGHT) / (count + 0.7)
    boxes = []
    for row in range(2):
        left = layout.LEFT
        for column in range(count):
            width = wide * (1.7 if column == 0 else 1)
            boxes.append((left, layout.TOP + row * (tall + 0.14), width, tall))
            left += width + layout.RIGHT
    return layout.sheet(boxes, below)


def _name_kappas(axis: Axes, drawn: pd.DataFrame, kinds: list[str], fontsize: float) -> None:
    """κ of each kind of data along the top, or that no gradient is finite."""
    for place, kind in enumerate(kinds):
        kappa = drawn.loc[drawn["data"] == kind, "kappa"].median()
        ratio = f"κ ≈ {_rough(kappa)}" if 0 < kappa < math.inf else ""
        axis.text(
            place, 0.985, ratio if kind in set(drawn["data"]) else "not finite",
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


def _rough(value: float) -> str:
    """A number to read at a glance: two digits, from a thousand on the nearest power of ten."""
    return number(value, 2) if value < 1000 else layout.power_of_ten(10.0 ** round(math.log10(value)))


def reading(scores: pd.DataFrame, methods: style.Methods) -> str:
    """How far κ and the forms' two errors go from the tamest data to the wildest; first dtype."""
    drawn = scores[(scores["rel_fro"] > 0) & (scores["kappa"] > 0)]
    key = layout.panel_keys(drawn)[0]
    of_panel = layout.of_panel(drawn, key)
    rows = words.forms(of_panel) if len(words.forms(of_panel)) else of_panel
    whose = "of a form" if len(words.forms(of_panel)) else "of a method"
    kappas = rows.groupby("data")["kappa"].median().sort_values()
    first, last = (rows[rows["data"] == data] for data in (kappas.index[0], kappas.index[-1]))
    if len(kappas) == 1:
        return f"For {words.where(key)}, {kappas.index[0]} data alone have an error."
    of_terms, of_gradient = (
        [number(part[name].max(), 2) for part in (first, last)] for name in ("bwd_fro_u", "rel_fro_u")
    )
    return (
        f"For {words.where(key)} at n = {rows['size'].iloc[0]}, from {kappas.index[0]} to {kappas.index[-1]} data "
        f"κ goes from {_rough(kappas.iloc[0])} to {_rough(kappas.iloc[-1])}, the largest relative error {whose} from "
        f"{of_gradient[0]} u to {of_gradient[1]} u, that relative to its terms from {of_terms[0]} u to {of_terms[1]} u."
    )


DATA = Figured(
    "data",
    "Error by kind of data",
    "Medians over seeds, in units of roundoff. Where terms cancel, the relative error can grow by κ = ‖B‖ ÷ ‖g*‖ "
    "(B: the sum of the terms' absolute values), which is the data's doing; the error relative to the terms "
    "is the method's, and smaller where what cancels was rounded alike. Dashed: u.",
    lambda cells, scores: by_data_frame(error_summary(cells, scores)),
    error_by_data,
    reading,
)
