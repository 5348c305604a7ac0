"""Which forms are slower than autograd, and by how much at most."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from gradiometer.analysis.insights.insight import BAD, WARNING, Insight, where_of
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
    return [
        Insight("slowdown", BAD if row["ratio"] > LARGE else WARNING, where_of(row), _numbers(row))
        for row in worst.to_dict("records")
    ]


def _numbers(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    names = {"form": "method", "size": "size", "ratio": "ratio", "low": "ratio_low", "high": "ratio_high"}
    return {name: row[column] for name, column in names.items()} | {"is_excessive": row["ratio_low"] > EXCESSIVE}
