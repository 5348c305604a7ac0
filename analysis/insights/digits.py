"""How many digits of a gradient each dtype keeps, and where it overflows. Frames in, plain data out. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import CELL, of_cells
from gradiometer.analysis.insights.advice import Statement, grouped, merged
from gradiometer.analysis.scores import RANGE
from gradiometer.storage.schema import BASELINE, DTYPES, TIMED_DATA

NOT_FINITE = "not finite"


@dataclass(frozen=True)
class Digits:
    """Decimal digits kept by dtype (`columns`, with what the format holds) and size (`rows`), as texts."""

    columns: dict[str, str]
    rows: dict[str, list[str]]

    def brief(self) -> str:
        """`float32 7.1 to 6.6, float16 3.3 to not finite`: from the smaller size to the larger."""
        kept = zip(self.columns, *self.rows.values(), strict=True)
        return ", ".join(f"{dtype} {' to '.join(dict.fromkeys(ends))}" for dtype, *ends in kept)


def digits(found: pd.DataFrame, methods: Mapping[int, list[str]]) -> Digits | None:
    """The digits that `methods` (by size) keep: the median over seeds on uniform data, the fewest of wrts and methods.

    `found` are scored cells with `digits` (`frames.with_error`): −log₁₀ of the relative error, at most what
    the format holds. None where nothing was scored.
    """
    dtypes = [dtype for dtype in ("float32", *DTYPES) if dtype in set(found["dtype"])]
    if not dtypes:
        return None
    dtypes = list(dict.fromkeys(dtypes))
    rows = {
        f"n = {size}": [_fewest(of_size[of_size["dtype"] == dtype]["digits"]) for dtype in dtypes]
        for size, names in methods.items()
        for of_size in [found[(found["size"] == size) & found["method"].isin(names)]]
    }
    holds = {dtype: f"of {DTYPES[dtype].precision * math.log10(2):.1f}" for dtype in dtypes}
    return Digits(holds, rows)


def _fewest(kept: pd.Series[float]) -> str:
    if kept.empty:
        return "–"
    return NOT_FINITE if kept.isna().any() else f"{kept.min():.1f}"


def in_range(cells: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The cells of forms and autograd with `lost`, whether their gradient is not finite for a seed of uniform data, and
    the other columns of `gradiometer.analysis.scores.RANGE`, where that is known.
    """
    shown = cells[(cells["family"] == "analytic") | (cells["method"] == BASELINE)]
    seen = of_cells(scores[(scores["data"] == TIMED_DATA) & scores["finite"].notna()], shown)
    found = shown.merge(seen[[*CELL, *RANGE]], on=CELL)
    return found.assign(lost=found["finite"].eq(False))


def overflows(found: pd.DataFrame) -> Iterator[Statement]:
    """From which size on the loss, and the gradient of which of the forms and autograd, is not finite (`in_range`)."""
    if found.empty:
        return
    largest = f"to n = {found['size'].max()}"
    failing = found[found["lost"] | found["loss_finite"].eq(False)]
    if failing.empty:
        yield Statement("Overflow", "none", f"{text.listed(dict.fromkeys(found['dtype']))} stay finite {largest}.")
    for dtype in dict.fromkeys(failing["dtype"]):
        of_dtype = found[found["dtype"] == dtype]
        loss = _first(of_dtype[of_dtype["loss_finite"].eq(False)], of_dtype)
        gradient = {
            str(method): _first(of_method[of_method["lost"]], of_method)
            for method, of_method in of_dtype.groupby("method", sort=False)
        }
        lost = {method: where for method, where in gradient.items() if where}
        parts = [f"the loss {loss}"] if loss else []
        parts += [f"the gradient {_whose(lost, len(gradient))}"] if lost else []
        yield Statement("Overflow", str(dtype), f"{' and '.join(parts)}{_needless(of_dtype)}.", bad=True)


def _first(failing: pd.DataFrame, all_of_it: pd.DataFrame) -> str:
    """`from n = 128 on`, or at which sizes where larger ones are finite; empty for none."""
    sizes = sorted(set(failing["size"]))
    if not sizes:
        return ""
    if sizes == [size for size in sorted(set(all_of_it["size"])) if size >= sizes[0]]:
        return f"from n = {sizes[0]} on"
    return f"at n = {text.listed(map(str, sizes))}"


def _whose(lost: Mapping[str, str], methods: int) -> str:
    if len(lost) == methods:
        return merged(lost)
    return text.listed(f"{where} ({text.listed(names)})" for where, names in grouped(lost).items())


def _needless(of_dtype: pd.DataFrame) -> str:
    """Which methods lose entries whose true value the dtype holds: that is their doing, not the problem's."""
    names = dict.fromkeys(of_dtype.loc[of_dtype["lost"] & of_dtype["spurious"].eq(True), "method"])
    verb = "loses" if len(names) == 1 else "lose"
    return f"; {text.listed(names)} {verb} values that are in range" if names else ""
