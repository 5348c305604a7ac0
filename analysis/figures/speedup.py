"""Speed-up over autograd."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from gradiometer.analysis.drawing import annotate, layout, legend, style, words
from gradiometer.analysis.drawing.entry import Figured, timed_or_not
from gradiometer.analysis.frames import timed
from gradiometer.analysis.insights.decision import verdicts
from gradiometer.analysis.text import number
from gradiometer.storage.schema import BASELINE


def _compared(cells: pd.DataFrame) -> pd.DataFrame:
    found = timed(cells[cells["method"] != BASELINE])
    return found[found["ratio"] > 0]


@style.figure
def speedup(cells: pd.DataFrame, methods: style.Methods) -> Figure:
    """autograd's time over the method's against size: above 1 the method is faster. The band is the 95 % interval of
    their paired ratio; `cells` are of one problem and configuration, a panel per wrt and dtype.
    """
    looks = style.styles(methods)
    others = cells[cells["method"] != BASELINE]
    compared = _compared(cells)
    gains = compared.assign(gain=1 / compared["ratio"], low=1 / compared["ratio_high"], high=1 / compared["ratio_low"])
    keys, shown = layout.panel_keys(cells), set(gains["method"]) | {BASELINE} & set(cells["method"])
    figure, axes = layout.panels(len(keys), legend.height(methods, shown), share_y=True, beside=layout.ENDS)
    layout.log_scale(
        axes, "y", [1, *gains[["gain", "low", "high"]].to_numpy().ravel()], lambda gain: f"{number(gain, 1)}×"
    )
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
    missing = absent.assign(status=absent["status"].replace("ok", f"as {BASELINE} has no time"))
    note = annotate.missing("a ratio", annotate.reasons(missing))
    legend.draw(figure, methods, shown, note, layout.LEFT)
    return figure


def reading(cells: pd.DataFrame, methods: style.Methods) -> str:
    """Which form is fastest where, and which falls behind autograd and by how much; of the first wrt and dtype."""
    key = layout.panel_keys(cells)[0]
    forms = words.forms(layout.of_panel(_compared(cells), key))
    if forms.empty:
        return words.nothing(f"a time beside {BASELINE}'s", key)
    measured = sorted(set(forms["size"]))
    ends = [part for part in (_fastest(forms, measured), _behind(forms, measured)) if part]
    return f"For {words.where(key)}, {'; '.join(ends)}."


def _fastest(forms: pd.DataFrame, measured: list[int]) -> str:
    """The forms that are told apart from every other as the fastest, and at which sizes."""
    alone: dict[str, list[int]] = {}
    for size, of_size in forms.groupby("size"):
        best = of_size.sort_values("ratio").iloc[0]
        rivals = of_size[(of_size["method"] != best["method"]) & ~(of_size["ratio_low"] > best["ratio_high"])]
        if rivals.empty:
            alone.setdefault(str(best["method"]), []).append(int(str(size)))
    if forms["method"].nunique() == 1:
        ratio = forms.sort_values("size").iloc[-1]
        gain = f"{number(1 / ratio['ratio'])} times as fast as {BASELINE} at n = {ratio['size']}"
        told = verdicts(forms.sort_values("size")).iloc[-1]
        apart = gain if told in ("faster", "slower") else f"not told apart from {BASELINE} at n = {ratio['size']}"
        return f"{words.names([ratio['method']])}, the only form, is {apart}"
    if not alone:
        return f"no form is told apart from the others as the fastest at {words.at(measured, measured)}"
    who = [f"{words.names([name])} is the fastest form at {words.at(sizes, measured)}" for name, sizes in alone.items()]
    return ", ".join(who)


def _behind(forms: pd.DataFrame, measured: list[int]) -> str:
    """The form that takes the most of autograd's time, where one is slower; else what all of them are."""
    told = forms.assign(verdict=verdicts(forms))
    slower = told[told["verdict"] == "slower"]
    if slower.empty:
        every = (told["verdict"] == "faster").all()
        return (
            f"every form is faster than {BASELINE} at every size"
            if every
            else f"none is told apart as slower than {BASELINE}"
        )
    worst = slower.sort_values("ratio").iloc[-1]
    sizes = sorted(slower.loc[slower["method"] == worst["method"], "size"])
    falls = f"is slower than {BASELINE} at {words.at(sizes, measured)}"
    if len(sizes) < len(measured) and sizes == measured[-len(sizes) :]:
        falls = f"falls behind {BASELINE} at n = {sizes[0]}"
    most = f" and takes {number(worst['ratio'])} times its time at n = {worst['size']}"
    if len(sizes) == 1:
        most = f", where it takes {number(worst['ratio'])} times its time"
    return f"{words.names([worst['method']])} {falls}{most}"


SPEEDUP = Figured(
    "speedup",
    "Speed-up over autograd",
    "Above the thick line the method is faster than autograd. Bands: 95 % interval of the paired ratio, where it is "
    "wider than the line.",
    timed_or_not,
    speedup,
    reading,
)
