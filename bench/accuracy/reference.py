"""Reference gradients: in exact arithmetic with a proved radius where possible, else by autograd in float64.

The exact reference is evaluated through the cheapest graph: the derivative of the loss's graph, or a form with the
verdict `exact`. Verdicts are reached at other sizes, so a form's values are accepted only where the loss's derivative
agrees in float64, within its roundings. The radius of each entry is below 2⁻²⁰ · max(ulp(g), u·B) in the case's dtype,
where B is the sum of the absolute terms of the loss's derivative, or is the least float64 where that is less.

A loss that cannot be traced, or costs too much, has a float64 reference, marked as such. It cannot judge float64 cases.

Where autograd's own result in float64 differs from the loss's derivative by more than its roundings, one of the two is
not the gradient that PyTorch means (an `autograd.Function` may define any backward). Such a problem has no reference.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.accuracy.cache import Cache, content_key, folder
from gradiometer.accuracy.metrics import Array, norm_ratio, ulp_of
from gradiometer.graph.arithmetic.enclosure import Enclosure, PrecisionError, exact
from gradiometer.graph.arithmetic.magnitudes import Magnitude, roundings, values_and_terms
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluation_cost import evaluation_cost, multiplications
from gradiometer.graph.trace import TraceError, UnknownOperationError, trace
from gradiometer.methods import objective
from gradiometer.problems import Problem
from gradiometer.problems.inputs import in_float64, rounded
from gradiometer.problems.problem import wrt_text
from gradiometer.storage.schema import DTYPES
from gradiometer.verification.functions import form_function, loss_function

RADIUS_SHARE = 2.0**-20
MOST_MULTIPLICATIONS = 4e9
"""Largest number of multiplications for exact arithmetic; more would take many seconds."""
LEAST_RADIUS = 2.0**-1074
"""The least positive float64: no smaller radius can be represented, except 0."""
MOST_DISAGREEMENT = 2.0**-20
"""Difference between autograd in float64 and the loss's derivative, relative to ‖B‖, that roundings do not explain."""
DETERMINED = 1e-3
"""Largest relative difference between autograd in float32 and in float64 at which a float64 reference is reliable."""

ENGINES = {"limbs": "integer", "balls": "ball"}


@dataclass(frozen=True)
class Reference:
    """A reference gradient G: |G − (hi + lo)| ≤ `radius_ulp` · max(ulp(g), u·B). Arrays are flat float64 vectors.

    `kind` is a value of the column `reference`. With kind `float64`, `lo` is zero and the radius unknown; the reference
    is not reliable where it may consist of roundings. `terms` is B, or None where it is unknown. `refused` says why
    gradients must not be scored against it; None where they may be.
    """

    kind: str
    hi: Array
    lo: Array
    radius_ulp: float | None
    terms: Array | None
    is_reliable: bool = True
    refused: str | None = None


class _Graphs(NamedTuple):
    """The loss's derivative, which defines B, and all graphs that may give the reference, cheapest first."""

    loss: GraphModule
    by_work: list[GraphModule]


class References:
    """References of a process's cases. Graphs are traced once per problem, wrt and dims."""

    def __init__(self, cache: Cache | None = None) -> None:
        self._cache = cache or Cache(folder())
        self._graphs: dict[Any, _Graphs | None] = {}
        self._disagreements: dict[Any, str | None] = {}

    def of(
        self,
        problem: Problem,
        wrt: tuple[str, ...],
        dims: Mapping[str, int],
        inputs: Mapping[str, torch.Tensor],
        dtype: str,
        exact_forms: Sequence[str] = (),
    ) -> Reference:
        """The reference gradient at `inputs`, which are on the CPU in the case's dtype.

        `exact_forms` names forms with the verdict `exact`, which may be evaluated in place of the loss's derivative.
        """
        key = (problem.name, wrt, tuple(dims.items()), tuple(exact_forms))
        if key not in self._graphs:
            self._graphs[key] = _traced(problem, wrt, inputs, exact_forms)
        graphs = self._graphs[key]
        if graphs is not None:
            certified = self._certified(graphs, list(inputs.values()), dtype)
            if certified is not None:
                if key not in self._disagreements:  # once per problem, wrt and dims: it costs a gradient
                    self._disagreements[key] = _disagreement(problem, wrt, inputs, certified)
                return replace(certified, refused=self._disagreements[key])
        return _in_float64(problem, wrt, inputs)

    def _certified(self, graphs: _Graphs, inputs: Sequence[torch.Tensor], dtype: str) -> Reference | None:
        form = DTYPES[dtype]
        try:
            sizes = self._sizes(graphs.loss, inputs)
        except UnknownOperationError:
            return None

        def unit(result: int, hi: Array) -> Array:
            """max(ulp(g), u·B), the unit of radii; ulp(g) alone would be far too small where g is almost zero."""
            size: Array = np.nan_to_num(sizes[result].terms, nan=0.0, posinf=0.0)
            return np.maximum(ulp_of(hi, form), form.unit_roundoff * size)

        def tolerance(result: int, hi: Array) -> Array:
            return np.maximum(RADIUS_SHARE * unit(result, hi), LEAST_RADIUS)

        for graph in graphs.by_work:
            key = content_key(graph, inputs, "exact")
            engine, parts = _unpacked(self._cache.get(key))
            if not parts or not all((part.radius <= tolerance(i, part.hi)).all() for i, part in enumerate(parts)):
                try:
                    found = exact(graph, inputs, tolerance)
                except (PrecisionError, UnknownOperationError):
                    continue
                engine, parts = found.engine, found.results
                arrays = [array for part in parts for array in (part.hi, part.lo, part.radius)]
                self._cache.put(key, [np.array(engine), *arrays])
            if graph is graphs.loss or _agree(graphs.loss, parts, sizes):
                radii = [float(np.max(part.radius / unit(i, part.hi), initial=0.0)) for i, part in enumerate(parts)]
                hi, lo = _joined(part.hi for part in parts), _joined(part.lo for part in parts)
                return Reference(ENGINES[engine], hi, lo, max(radii), _joined(part.terms for part in sizes))
        return None

    def _sizes(self, graph: GraphModule, inputs: Sequence[torch.Tensor]) -> list[Magnitude]:
        """The gradient in float64 and B, by part."""
        key = content_key(graph, inputs, "sizes")
        kept = self._cache.get(key)
        if kept is None:
            found = values_and_terms(graph, [in_float64(tensor) for tensor in inputs])
            kept = [array for part in found for array in (part.value, part.terms)]
            self._cache.put(key, kept)
        return [Magnitude(*pair) for pair in zip(kept[::2], kept[1::2], strict=True)]


def _traced(
    problem: Problem, wrt: tuple[str, ...], inputs: Mapping[str, torch.Tensor], exact_forms: Sequence[str]
) -> _Graphs | None:
    tensors = [in_float64(tensor) for tensor in inputs.values()]
    names, forms = list(inputs), problem.forms(wrt_text(wrt))
    try:
        loss = derivative(trace(loss_function(problem), tensors), tensors, [names.index(name) for name in wrt])
    except (TraceError, UnknownOperationError, ValueError):
        return None
    graphs = [loss]
    for name in exact_forms:
        with contextlib.suppress(TraceError):
            graphs.append(trace(form_function(problem, forms[name]), tensors))
    affordable = [graph for graph in graphs if multiplications(graph) <= MOST_MULTIPLICATIONS]
    return _Graphs(loss, sorted(affordable, key=evaluation_cost)) if affordable else None


def _agree(loss: GraphModule, parts: Sequence[Enclosure], sizes: Sequence[Magnitude]) -> bool:
    """Whether exact values agree with the loss's derivative in float64 within γ_n·B, where n counts its roundings."""
    allowed = 2 * roundings(loss) * DTYPES["float64"].unit_roundoff
    pairs = list(zip(parts, sizes, strict=True))
    with np.errstate(invalid="ignore"):  # where float64 overflows, nothing can be compared and a form is not used
        gaps = [(np.abs(part.hi - size.value), allowed * size.terms + 2.0**-1000) for part, size in pairs]
        return all((gap <= most).all() for gap, most in gaps)


def _disagreement(
    problem: Problem, wrt: tuple[str, ...], inputs: Mapping[str, torch.Tensor], found: Reference
) -> str | None:
    """How autograd's result in float64 differs from a certified reference beyond roundings; None where it does not."""
    try:
        own = _autograd(problem, wrt, rounded(inputs, torch.float64))
    except Exception:  # the loss may not accept float64, and then there is nothing to compare
        return None
    usable = np.isfinite(own) & np.isfinite(found.hi) & (np.isfinite(found.terms) if found.terms is not None else True)
    error = np.where(usable, (own - found.hi) - found.lo, 0.0)
    share = norm_ratio(error, np.where(usable, found.hi if found.terms is None else found.terms, 0.0))
    if share is not None and share <= MOST_DISAGREEMENT:
        return None
    return "no reference: PyTorch's own derivative in float64 differs from the derivative of the loss's graph" + (
        "" if share is None else f" by {share:.2g} of its terms"
    )


def _unpacked(kept: list[np.ndarray[Any, Any]] | None) -> tuple[str, tuple[Enclosure, ...]]:
    if kept is None:
        return "", ()
    engine, *arrays = kept
    return str(engine), tuple(Enclosure(*arrays[i : i + 3]) for i in range(0, len(arrays), 3))


def _joined(parts: Iterable[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])


def _in_float64(problem: Problem, wrt: tuple[str, ...], inputs: Mapping[str, torch.Tensor]) -> Reference:
    hi = _autograd(problem, wrt, rounded(inputs, torch.float64))
    try:
        single = _autograd(problem, wrt, rounded(inputs, torch.float32))
    except Exception:  # the loss may need float64
        single = np.full_like(hi, np.nan)
    difference = norm_ratio(single - hi, hi)
    is_reliable = difference is not None and difference <= DETERMINED
    return Reference("float64", hi, np.zeros_like(hi), None, None, is_reliable)


def _autograd(problem: Problem, wrt: tuple[str, ...], inputs: dict[str, torch.Tensor]) -> Array:
    asked = objective(problem, wrt, inputs)
    leaves = asked.leaves()
    parts = torch.autograd.grad(asked.loss(*leaves), leaves)
    return np.concatenate([part.double().numpy().ravel() for part in parts])
