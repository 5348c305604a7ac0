"""How precise the gradients are: digits kept by dtype, errors by method, and errors beyond their proved bound."""

from __future__ import annotations

import math

import pandas as pd

from gradiometer.analysis.frames import forms_and_autograd
from gradiometer.analysis.insights.insight import BAD, INFO, Insight, from_rows, where_of
from gradiometer.analysis.insights.view import WHERE, View
from gradiometer.storage.schema import BASELINE, DTYPES


def digits(view: View) -> list[Insight]:
    """`digits` for each case and dtype: the digits that the recommended form keeps at the smallest and the largest
    size at which its gradient is finite (`first`, `last` at `size_from`, `size_to`), and the digits that the dtype
    holds. The recommended form of a size is the fastest in the leading dtype; autograd's digits where no form is.
    """
    keys = [*WHERE, "size"]
    fastest = view.forms.loc[view.forms["is_fastest"], [*keys, "method"]].drop_duplicates(keys)
    scored = view.precision[view.precision["digits"].notna() & ~view.precision["zeros"]]
    scored = scored.merge(fastest, on=keys, how="left", suffixes=("", "_advised"))
    scored = scored[scored["method"] == scored["method_advised"].fillna(BASELINE)].sort_values("size", kind="stable")
    found = []
    for (*_, dtype), rows in scored.groupby([*WHERE, "dtype"], sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        held = DTYPES[dtype].precision * math.log10(2) if dtype in DTYPES else None
        numbers = {"held": held, "size_from": first["size"], "size_to": last["size"],
                   "first": first["digits"], "last": last["digits"]}  # fmt: skip
        found.append(Insight("digits", INFO, where_of(first), numbers))
    return found


def errors(view: View) -> list[Insight]:
    """`errors` for each case: forms and autograd at the largest scored `size` of the leading dtype, the most precise
    first: `method`, `rel_fro` (median over seeds) and `units` (`rel_fro` in unit roundoffs; None for another dtype).
    """
    leading = view.precision[view.precision["cell_id"].isin(view.leading["cell_id"]) & ~view.precision["zeros"]]
    shown = forms_and_autograd(leading)
    shown = shown[shown["rel_fro"].notna()]
    shown = shown[shown["size"] == shown.groupby(WHERE)["size"].transform("max")].sort_values("rel_fro")
    found = []
    for _, rows in shown.groupby(WHERE, sort=False):
        dtype = rows["dtype"].iloc[0]
        u = DTYPES[dtype].unit_roundoff if dtype in DTYPES else None
        ranked = [
            {"method": method, "rel_fro": error, "units": error / u if u else None}
            for method, error in zip(rows["method"], rows["rel_fro"], strict=True)
        ]
        where = where_of(rows.iloc[0])
        found.append(Insight("errors", INFO, where, {"size": int(rows["size"].iloc[0]), "methods": ranked}))
    return found


def beyond_bound(view: View) -> list[Insight]:
    """`beyond_bound` for each method whose error exceeds its proved bound somewhere: `size` and `share` of the largest
    excess. A share above 1 proves a bug in the method, in PyTorch or in Gradiometer.
    """
    beyond = view.precision[pd.to_numeric(view.precision["bound_share"]) > 1]
    worst = beyond.sort_values("bound_share", ascending=False).drop_duplicates([*WHERE, "dtype", "method"])
    return from_rows("beyond_bound", BAD, worst, {name: name for name in ("method", "size", "bound_share")})
