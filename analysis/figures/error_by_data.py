"""Error by kind of data: relative to the gradient, and to the terms it is the sum of."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import layout, style
from analysis.text import counted, number
from bench.schema import BASELINE, DATA, DTYPES

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


@style.theme()
def error_by_data(scores: pd.DataFrame, methods: style.Methods) -> Figure:
    """Two errors by kind of data, both in units of roundoff: above relative to the gradient, below relative to the
    absolute values of the terms that it sums (the backward error). Their ratio is κ, named along the top.

    A column per dtype (`scores` of `by_data_frame`, of one problem and configuration). The generic methods beside
    autograd are small and pale.
    """
    dtypes = layout.by_dtype(scores["dtype"].tolist())
    kinds = [data for data in DATA if data in set(scores["data"])]
    figure = Figure(figsize=(11.5, 6.6), layout="constrained")
    widths = [1.7 if place == 0 else 1.0 for place in range(len(dtypes))]
    axes = figure.subplots(2, len(dtypes), sharex="col", sharey="row", squeeze=False, width_ratios=widths)
    for column, dtype in enumerate(dtypes):
        of_dtype = scores[scores["dtype"] == dtype]
        drawn = of_dtype[of_dtype["rel_fro"] > 0]
        for row, error in enumerate(ERRORS):
            axis = axes[row, column]
            axis.set_yscale("log")
            _points(axis, drawn, error, kinds, methods)
            axis.axhline(1, color="#777777", linewidth=0.9, linestyle=(0, (5, 3)), zorder=1.5)
            layout.log_ticks(axis.yaxis, layout.power_of_ten)
            axis.grid(visible=False, axis="x")
        axes[0, column].set_title(
            layout.panel_title((str(of_dtype["wrt"].iloc[0]), dtype, str(of_dtype["shape"].iloc[0]),
                                f"n = {of_dtype['size'].iloc[0]}"))
        )  # fmt: skip
        for place, kind in enumerate(kinds):
            kappa = drawn.loc[drawn["data"] == kind, "kappa"].median()
            ratio = f"κ ≈ {_rough(kappa)}" if 0 < kappa < math.inf else ""
            axes[0, column].text(
                place, 0.985, ratio if kind in set(drawn["data"]) else "no error",
                transform=axes[0, column].get_xaxis_transform(), ha="center", va="top",
                fontsize=8 if column == 0 else 7, color=style.GREY,
            )  # fmt: skip
        names = [kind.replace("_", "\n") if column else kind for kind in kinds]
        axes[1, column].set_xticks(range(len(kinds)), names, fontsize=9 if column == 0 else 7.5)
        axes[1, column].set_xlim(-0.5, len(kinds) - 0.5)
    for row, label in enumerate(ERRORS.values()):
        layout.named(axes[row, -1], 1, "u")
        axes[row, 0].set_ylabel(label)
        axes[row, 0].margins(y=0.2)
    counts = {"not finite": (scores["finite_seeds"] == 0).sum(), "exact": (scores["rel_fro"] == 0).sum()}
    failed = {name: int(count) for name, count in counts.items() if count}
    style.legend(figure, methods, list(scores["method"]), f"not drawn: {counted(failed)}" if failed else "")
    return figure


def _points(axis: Axes, of_dtype: pd.DataFrame, error: str, kinds: list[str], methods: style.Methods) -> None:
    """A point for each method and kind of data; side by side, in the methods' order."""
    looks = style.styles(methods)
    shown = [name for name in methods if name in set(of_dtype["method"])]
    for method, points in of_dtype.groupby("method"):
        look = looks[str(method)].point
        own = points["family"].iloc[0] == "analytic" or method == BASELINE
        places = points["data"].map(kinds.index) + 0.7 * ((shown.index(str(method)) + 0.5) / len(shown) - 0.5)
        pale = {} if own else {"markersize": 4.5, "alpha": 0.7}
        axis.plot(places, points[error], linestyle="none", markeredgewidth=0.5, **look | pale)


def _rough(value: float) -> str:
    """A number to read at a glance: two digits, from a thousand on the nearest power of ten."""
    return number(value, 2) if value < 1000 else layout.power_of_ten(10.0 ** round(math.log10(value)))
