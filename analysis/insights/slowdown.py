"""Which forms are slower than autograd, and by how much at most."""

from __future__ import annotations

from dataclasses import replace

from gradiometer.analysis.insights.insight import BAD, WARNING, Insight, from_rows
from gradiometer.analysis.insights.view import WHERE, View

LARGE = 2.0
"""A form that takes more than this many times as long as autograd is a bad choice at that size."""

EXCESSIVE = 5.0
"""A gradient costs at most five evaluations of its function (Griewank & Walther, Evaluating Derivatives, 2008).
A form beyond this many times autograd's time does more work than a gradient needs."""


def slowdown(view: View) -> list[Insight]:
    """`slowdown` for each form that is slower than autograd at some size: `form`, its largest `ratio` (time over
    autograd's, `low` and `high` its 95 % interval) and the `size` there; `is_excessive` beyond EXCESSIVE.
    """
    slower = view.leading[(view.leading["family"] == "analytic") & (view.leading["verdict"] == "slower")]
    worst = slower.sort_values("ratio", ascending=False).drop_duplicates([*WHERE, "method"]).sort_index()
    worst = worst.assign(is_excessive=worst["ratio_low"] > EXCESSIVE)
    names = {"method": "form", "size": "size", "ratio": "ratio", "ratio_low": "low", "ratio_high": "high"}
    found = from_rows("slowdown", WARNING, worst, {**names, "is_excessive": "is_excessive"})
    return [replace(it, level=BAD) if it.numbers["ratio"] > LARGE else it for it in found]
