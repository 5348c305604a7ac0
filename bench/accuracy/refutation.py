"""Refutes a form by measurement: its error is larger than roundings explain.

Where a worst-case bound of the form's roundings is known, an error above the bound refutes the form. The bound covers
the operations on tensors; CONSTANTS allows for numbers that the form computes in Python.

Where no bound is known, the form is evaluated in float64 at the inputs of the case. An error of LARGE refutes it. A
right form that cancels would have to lose 14 of 16 digits, and one that computes in half precision inside stays below.
The reference must be reliable: certified, or autograd's results in float32 and in float64 agree to three digits. Then
the gradient does not itself consist of roundings.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from gradiometer.accuracy.gradients import as_tuple
from gradiometer.accuracy.metrics import Array, norm_ratio
from gradiometer.accuracy.reference import Reference
from gradiometer.graph.arithmetic.error_bounds import bound_share
from gradiometer.methods import Form, prepare_form
from gradiometer.storage.schema import DTYPES, Error

CONSTANTS = 64 * DTYPES["float64"].unit_roundoff
"""Relative error of the terms that numbers computed in Python may cause."""
LARGE = 0.05
"""Relative error in float64 that refutes a form."""


def exceeds_bound(error: Array, bound: Array, reference: Reference) -> bool:
    """Whether an entry's error is above its worst-case bound by more than Python's constants explain."""
    sizes = np.abs(reference.hi) if reference.terms is None else reference.terms
    return bound_share(error, bound + CONSTANTS * np.nan_to_num(sizes, nan=np.inf)) > 1


def is_suspect(row: Error, dtype: str) -> bool:
    """Whether a form's row calls for an evaluation in float64: a LARGE error, or none known, and no bound."""
    if row.status not in ("ok", "zeroed") or row.bound_share is not None:
        return False
    if row.reference is None:
        return True
    if row.bwd_fro_u is not None:
        return row.bwd_fro_u * DTYPES[dtype].unit_roundoff >= LARGE
    return row.rel_fro is not None and row.rel_fro >= LARGE


def float64_error(form: Form, inputs: Mapping[str, torch.Tensor], device: str, reference: Reference) -> float | None:
    """The form's relative error in float64, in units of the gradient's terms where they are known.

    `inputs` are those of the case on the CPU, which `reference` belongs to. None where the reference is not reliable,
    or the result not finite. Raises what the form raises.
    """
    if not reference.is_reliable:
        return None
    copies = {name: tensor.to(device, torch.float64, copy=True) for name, tensor in inputs.items()}
    parts = as_tuple(prepare_form(form, copies)()())
    computed = np.concatenate([part.detach().double().cpu().numpy().ravel() for part in parts])
    if computed.shape != reference.hi.shape or not np.isfinite(computed).all():
        return None
    scale = reference.hi if reference.terms is None or not np.isfinite(reference.terms).all() else reference.terms
    return norm_ratio((computed - reference.hi) - reference.lo, scale)
