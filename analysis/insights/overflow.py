"""From which size on a loss or a gradient is not finite, and where a gradient is zero although the true one is not."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gradiometer.analysis.frames import forms_and_autograd
from gradiometer.analysis.insights.insight import BAD, Insight, where_of
from gradiometer.analysis.insights.view import WHERE, View


def overflow(view: View) -> list[Insight]:
    """For the forms and autograd, on uniform data, by dtype: `overflow` and `zeros` for each `method`, `loss_overflow`
    for the loss. `sizes` are those at which it happens and `to_largest` says whether every larger size is among them.
    `is_needless`: the true value is in the range of the dtype. A gradient that is finite is never listed.
    """
    shown = forms_and_autograd(view.precision)
    return [it for _, rows in shown.groupby([*WHERE, "dtype"], sort=False) for it in _of_dtype(rows)]


def _of_dtype(rows: pd.DataFrame) -> Iterator[Insight]:
    where = where_of(rows.iloc[0])
    if (lost := rows["loss_finite"].eq(False)).any():
        yield Insight("loss_overflow", BAD, where, _sizes(rows, lost))
    for method, own in rows.groupby("method", sort=False):
        not_finite = own["finite"].eq(False)
        for kind, failing in (("overflow", not_finite), ("zeros", own["zeros"] & ~not_finite)):
            if failing.any():
                needless = bool(kind == "zeros" or own["spurious"].eq(True)[failing].any())
                numbers = {
                    "method": method,
                    **_sizes(own, failing),
                    "is_needless": needless,
                    "methods": rows["method"].nunique(),
                }
                yield Insight(kind, BAD, where, numbers)


def _sizes(rows: pd.DataFrame, failing: pd.Series[bool]) -> dict[str, object]:
    sizes = sorted({int(size) for size in rows["size"][failing]})
    larger = sorted({int(size) for size in rows["size"] if size >= sizes[0]})
    return {"sizes": sizes, "to_largest": sizes == larger}
