"""Scores gradients against their reference: one row of `errors` per method and draw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from gradiometer.accuracy import metrics
from gradiometer.accuracy.bounds import graph_name
from gradiometer.accuracy.metrics import Array
from gradiometer.accuracy.reference import Reference
from gradiometer.accuracy.refutation import exceeds_bound
from gradiometer.graph.arithmetic.error_bounds import bound_share
from gradiometer.storage.schema import DTYPES, Error, nullable
from gradiometer.study.plan import Case

NO_REFERENCE = "no certified reference: float64 gradients are not scored against autograd's"
METRIC_COLUMNS = nullable(Error) - {"reason"}
"""Columns of `errors` that are null where a gradient was not scored."""


@dataclass(frozen=True)
class Gradient:
    """A gradient as a worker returned it: its bytes and hash, or status and reason of the failure."""

    blob: bytes | None
    output_hash: str | None = None
    status: str = "ok"
    reason: str | None = None
    distinct_outputs: int | None = None

    def values(self, dtype: str) -> Array:
        """The entries as one float64 vector."""
        assert self.blob is not None
        tensor = torch.frombuffer(bytearray(self.blob), dtype=getattr(torch, dtype))
        found: Array = tensor.double().numpy()
        return found


@dataclass(frozen=True)
class Draw:
    """One draw of a case's inputs: its reference, worst-case bounds by graph, and columns that methods share."""

    data: str
    seed: int
    reference: Reference
    bounds: dict[str, Array]
    facts: dict[str, Any] = field(default_factory=dict)


def unpack(answer: Mapping[str, Any], blobs: list[bytes]) -> dict[str, Gradient]:
    """Gradients by method, from a worker's answer."""
    found = {}
    remaining = iter(blobs)
    for method, entry in answer["gradients"].items():
        if entry["mismatch"]:
            found[method] = Gradient(None, status="wrong", reason=entry["mismatch"])
        else:
            found[method] = Gradient(next(remaining), entry["hash"])
    for method, (status, reason) in answer["failures"].items():
        found[method] = Gradient(None, status=status, reason=reason)
    return found


def unpack_new(returned: Sequence[Mapping[str, Any]], blobs: Iterator[bytes]) -> list[Gradient]:
    """The gradients of one method that a worker returned for the first time; takes their bytes from `blobs`."""
    found = []
    for entry in returned:
        if entry["mismatch"]:
            found.append(Gradient(None, status="wrong", reason=entry["mismatch"]))
        elif entry["is_new"]:
            found.append(Gradient(next(blobs), entry["hash"]))
    return found


MOST_TIMES = 1e6
"""Largest multiple of a bound that a reason gives as a number."""
SEVERITY = ("ok", "zeroed", "nonfinite", "wrong")
"""Statuses of scored gradients, from best to worst."""


def worst_row(rows: Sequence[Error]) -> Error:
    """The row of the worst of several gradients that one method returned: by status, then by error."""

    def badness(row: Error) -> tuple[int, float]:
        rank = SEVERITY.index(row.status) if row.status in SEVERITY else len(SEVERITY)
        return rank, math.inf if row.rel_fro is None else row.rel_fro

    return max(rows, key=badness)


def reference_of(answer: Mapping[str, Any], blobs: list[bytes]) -> Reference:
    """The reference in a worker's answer; its parts are the last blobs."""
    header = answer["reference"]
    hi, lo, *terms = (np.frombuffer(part, dtype=np.float64) for part in blobs[-header["parts"] :])
    known = (header["radius_ulp"], terms[0] if terms else None, header["is_reliable"], header["refused"])
    return Reference(header["kind"], hi, lo, *known)


def bounds_of(answer: Mapping[str, Any], blobs: list[bytes]) -> dict[str, Array]:
    """Graph → worst-case bound, in a worker's answer."""
    names = answer["bounds"]
    start = len(blobs) - answer["reference"]["parts"] - len(names)
    return {name: np.frombuffer(blobs[start + i], dtype=np.float64) for i, name in enumerate(names)}


def error_row(run_id: str, method: str, case: Case, draw: Draw, gradient: Gradient) -> Error:
    """One row of `errors`.

    A float64 gradient without a certified reference has no metrics, because autograd would judge itself; the reason
    says so. Neither has a gradient whose reference is refused.
    """
    row: dict[str, Any] = dict.fromkeys(METRIC_COLUMNS) | draw.facts
    row |= {"output_hash": gradient.output_hash, "distinct_outputs": gradient.distinct_outputs}
    status, reason = gradient.status, gradient.reason
    if gradient.blob is not None:
        dtype, computed = DTYPES[case.dtype], gradient.values(case.dtype)
        reference = draw.reference
        if reference.refused or (case.dtype == "float64" and reference.kind == "float64"):
            row |= metrics.counts(computed, reference.hi, dtype)
            unscored = reference.refused or NO_REFERENCE
        else:
            unscored = None
            row |= metrics.score(computed, reference.hi, dtype, reference.lo, reference.terms)
            row |= {"reference": reference.kind, "reference_radius_ulp": reference.radius_ulp}
            row["bound_share"] = _bound_share(row, computed, draw, graph_name(case.problem, case.wrt, method))
        status, reason = _judged(row, computed, case, method, draw)
        reason = unscored if status == "ok" else reason
    cell_id = f"{case.case_id}-{method}"
    return Error(run_id=run_id, cell_id=cell_id, data=draw.data, seed=draw.seed, status=status, reason=reason, **row)


def _bound_share(row: Mapping[str, Any], computed: Array, draw: Draw, graph: str | None) -> float | None:
    """max |e| / bound; null where the gradient is not finite, and where no bound holds."""
    if row["n_nan"] or row["n_inf"] or graph not in draw.bounds:
        return None
    return bound_share((computed - draw.reference.hi) - draw.reference.lo, draw.bounds[graph])


def unscored_row(run_id: str, cell_id: str, data: str, seed: int, status: str, reason: str) -> Error:
    """A row for a draw that was not scored."""
    nothing: dict[str, Any] = dict.fromkeys(METRIC_COLUMNS)
    return Error(run_id=run_id, cell_id=cell_id, data=data, seed=seed, status=status, reason=reason, **nothing)


def _judged(row: Mapping[str, Any], computed: Array, case: Case, method: str, draw: Draw) -> tuple[str, str | None]:
    """Status and reason of a gradient that was computed. Only forms are refuted."""
    dtype, reference = DTYPES[case.dtype], draw.reference
    if row["n_nan"] or row["n_inf"]:
        spurious = f", {row['n_spurious']} of them though the true value is in range" if row["n_spurious"] else ""
        return "nonfinite", f"{row['n_nan']} NaN and {row['n_inf']} infinite entries of {len(computed)}{spurious}"
    if row["bound_share"] is not None and method in case.problem.forms(case.wrt):
        error = (computed - reference.hi) - reference.lo
        if exceeds_bound(error, draw.bounds[method], reference):
            measured = "measured error" if row["rel_fro"] is None else f"measured relative error {row['rel_fro']:.2g}"
            times = f"{row['bound_share']:.2g} times" if row["bound_share"] < MOST_TIMES else "far beyond"
            return "wrong", f"{measured} is {times} the worst-case rounding bound"
    may_be_zeroed = reference.is_reliable and not reference.refused and case.family(method) != "numeric"
    if may_be_zeroed and metrics.is_zeroed(computed, reference.hi, dtype, reference.terms):
        count = f"{row['n_zeroed']} of {len(computed)} entries are zero though the true values are not"
        return "zeroed", f"{count}: an intermediate value overflows, underflows or cancels"
    return "ok", None
