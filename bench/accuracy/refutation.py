"""Refutes a form by measurement: its error is larger than roundings explain.

Where a worst-case bound of the form's roundings is known, an error above the bound refutes the form. The bound covers
the operations on tensors; CONSTANTS allows for numbers that the form computes in Python.

Where no bound is known, a form with a large error is evaluated again at the inputs of the case:

- exactly, by its graph in the case's dtype. An exact value that is off refutes the formula itself, with every branch
  that it takes for this dtype and these shapes.
- in float64. An error of LARGE refutes the form: a right form that cancels would have to lose 14 of 16 digits, and one
  that computes in half precision inside stays below. So does an error that nearly vanishes in float64: roundings
  shrink in proportion to the unit roundoff, and another computation for this dtype does not.

The reference must be reliable: certified, or autograd's results in float32 and in float64 agree to three digits. Then
the gradient does not itself consist of roundings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from gradiometer.accuracy.gradients import as_tuple
from gradiometer.accuracy.metrics import Array, norm_ratio
from gradiometer.accuracy.reference import MOST_MULTIPLICATIONS, Reference
from gradiometer.graph.arithmetic.enclosure import PrecisionError, exact
from gradiometer.graph.arithmetic.error_bounds import bound_share
from gradiometer.graph.evaluation_cost import multiplications
from gradiometer.graph.trace import TraceError, UnknownOperationError, trace
from gradiometer.methods import Form, prepare_form
from gradiometer.problems import Problem
from gradiometer.storage.schema import DTYPES, Error
from gradiometer.verification.functions import form_function

CONSTANTS = 64 * DTYPES["float64"].unit_roundoff
"""Relative error of the terms that numbers computed in Python may cause."""
LARGE = 0.05
"""Relative error in float64 that refutes a form."""
UNITS = 1000
"""Error in units of u‖B‖ beyond which a form is evaluated again; that of an exact value refutes the formula. Constants
that the form rounds to the dtype cause a few units.
"""
MARGIN = 64
"""Factor by which an error may shrink faster than the unit roundoff before another computation must be the cause."""


def exceeds_bound(error: Array, bound: Array, reference: Reference) -> bool:
    """Whether an entry's error is above its worst-case bound by more than Python's constants explain."""
    sizes = np.abs(reference.hi) if reference.terms is None else reference.terms
    return bound_share(error, bound + CONSTANTS * np.nan_to_num(sizes, nan=np.inf)) > 1


def threshold(dtype: str) -> float:
    """Relative error of the terms beyond which a form without a bound is evaluated again."""
    return min(LARGE, UNITS * DTYPES[dtype].unit_roundoff)


def is_suspect(row: Error, dtype: str) -> bool:
    """Whether a form's row calls for another evaluation: a large error, or none known, and no bound."""
    if row.status not in ("ok", "zeroed") or row.bound_share is not None:
        return False
    return row.reference is None or _size(row, dtype) >= threshold(dtype)


def _size(row: Error, dtype: str) -> float:
    """The measured error relative to the terms, or to the gradient where they are not known; 0 without any."""
    if row.bwd_fro_u is not None:
        return row.bwd_fro_u * DTYPES[dtype].unit_roundoff
    return row.rel_fro or 0.0


@dataclass(frozen=True)
class Recheck:
    """Errors of a form evaluated again, relative to the gradient's terms; None where they are not known."""

    of_formula: float | None
    in_float64: float | None

    def refutation(self, row: Error, dtype: str) -> str | None:
        """Why the form is wrong; None where the errors do not say so."""
        if self.of_formula is not None and self.of_formula >= threshold(dtype):
            return f"the formula that runs in {dtype} at these dimensions is off by {self.of_formula:.2g} of its terms"
        if self.in_float64 is None:
            return None
        if self.in_float64 >= LARGE:
            return f"relative error {self.in_float64:.2g} in float64, which roundings cannot cause"
        measured, units = _size(row, dtype), DTYPES["float64"].unit_roundoff / DTYPES[dtype].unit_roundoff
        if dtype == "float32" and measured >= LARGE and self.in_float64 * MARGIN < measured * units:
            both = f"{measured:.2g} in {dtype} and {self.in_float64:.2g} in float64"
            return f"the error is {both}: roundings do not shrink so much, so another computation must run"
        return None


def recheck(
    problem: Problem, form: Form, inputs: Mapping[str, torch.Tensor], device: str, reference: Reference
) -> Recheck:
    """Evaluate a form again at `inputs`, which are those of the case on the CPU, and which `reference` belongs to.

    Both errors are None where the reference is not reliable. Raises what the form raises.
    """
    if not reference.is_reliable or reference.refused:
        return Recheck(None, None)
    copies = {name: tensor.to(device, torch.float64, copy=True) for name, tensor in inputs.items()}
    parts = as_tuple(prepare_form(form, copies)()())
    computed = np.concatenate([part.detach().double().cpu().numpy().ravel() for part in parts])
    return Recheck(_error(_formula(problem, form, inputs), reference), _error(computed, reference))


def _formula(problem: Problem, form: Form, inputs: Mapping[str, torch.Tensor]) -> Array | None:
    """The exact value of a form's graph in the case's dtype, rounded to float64. None where it is not known."""
    try:
        graph = trace(form_function(problem, form), list(inputs.values()))
        if multiplications(graph) > MOST_MULTIPLICATIONS:
            return None
        found = exact(graph, list(inputs.values()), lambda _, hi: np.maximum(2.0**-40 * np.abs(hi), 2.0**-1000))
    except (TraceError, UnknownOperationError, PrecisionError):
        return None
    return np.concatenate([part.hi.ravel() for part in found.results])


def _error(values: Array | None, reference: Reference) -> float | None:
    if values is None or values.shape != reference.hi.shape or not np.isfinite(values).all():
        return None
    scale = reference.hi if reference.terms is None or not np.isfinite(reference.terms).all() else reference.terms
    return norm_ratio((values - reference.hi) - reference.lo, scale)
