"""The gradient of a case with a proved radius, in exact arithmetic: through the cheapest form that was proved exact.

The cheapest by `work`, of the forms whose verdict is exact and of the loss's forward graph differentiated exactly. As
verdicts are reached at other sizes, a form's reference is believed where float64 makes the same of the loss's own
derivative, within its roundings; else that derivative is evaluated. Each entry's radius is below
2⁻²⁰ · max(ulp(g), u·B) in the case's dtype, B being the loss's derivative's: a property of the case. What cannot be
traced, or costs too much, falls back to autograd in float64, marked as such; for a float64 case that is no reference
at all, hence none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.accuracy.cache import Cache, content_key, folder
from gradiometer.accuracy.metrics import ulp_of
from gradiometer.graph.arithmetic.enclosure import Enclosure, PrecisionError, exact
from gradiometer.graph.arithmetic.magnitudes import Magnitude, roundings, values_and_terms
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluation_cost import evaluation_cost, multiplications
from gradiometer.graph.trace import TraceError, UnknownOperationError, trace
from gradiometer.methods import objective
from gradiometer.problems import Problem
from gradiometer.problems.problem import wrt_text
from gradiometer.storage.schema import DTYPES
from gradiometer.verification.functions import form_function, loss_function

Array = np.ndarray[Any, np.dtype[np.float64]]

RADIUS_SHARE = 2.0**-20
MOST_MULTIPLICATIONS = 4e9
"""Beyond so many exact arithmetic takes many seconds, and float64 serves."""

ENGINES = {"limbs": "integer", "balls": "ball"}


@dataclass(frozen=True)
class Reference:
    """|G − (hi + lo)| is at most `radius_ulp` · max(ulp(g), u·B); all flat float64, the inputs' gradients in a row.

    `kind` is a value of the column `reference`; for `float64`, `lo` is zero and the radius unknown. `terms` is B, the
    sum of the absolute values of the terms of each entry; null where it could not be had.
    """

    kind: str
    hi: Array
    lo: Array
    radius_ulp: float | None
    terms: Array | None


class _Graphs(NamedTuple):
    """The loss's derivative, which B is of, and all graphs that may serve as the reference, cheapest first."""

    loss: GraphModule
    by_work: list[GraphModule]


class References:
    """References of one process's cases; a graph is traced once per problem, wrt and dims, whatever the data."""

    def __init__(self, cache: Cache | None = None) -> None:
        self._cache = cache or Cache(folder())
        self._graphs: dict[Any, _Graphs | None] = {}

    def of(
        self,
        problem: Problem,
        wrt: tuple[str, ...],
        dims: Mapping[str, int],
        inputs: Mapping[str, torch.Tensor],
        dtype: str,
        exact_forms: Sequence[str] = (),
    ) -> Reference:
        """The reference gradient at these inputs, which are on the CPU and in the case's dtype.

        `exact_forms` names the forms whose verdict is exact: the reference may go through any of them.
        """
        key = (problem.name, wrt, tuple(dims.items()), tuple(exact_forms))
        if key not in self._graphs:
            self._graphs[key] = _traced(problem, wrt, inputs, exact_forms)
        graphs = self._graphs[key]
        if graphs is not None:
            certified = self._certified(graphs, list(inputs.values()), dtype)
            if certified is not None:
                return certified
        return _in_float64(problem, wrt, inputs)

    def _certified(self, graphs: _Graphs, inputs: Sequence[torch.Tensor], dtype: str) -> Reference | None:
        form = DTYPES[dtype]
        try:
            sizes = self._sizes(graphs.loss, inputs)
        except UnknownOperationError:
            return None

        def unit(result: int, hi: Array) -> Array:
            """max(ulp(g), u·B): what a radius is measured in, since ulp(0) would be absurd for a transcendental."""
            size: Array = np.nan_to_num(sizes[result].terms, nan=0.0, posinf=0.0)
            return np.maximum(ulp_of(hi, form), form.unit_roundoff * size)

        def tolerance(result: int, hi: Array) -> Array:
            return RADIUS_SHARE * unit(result, hi)

        for graph in graphs.by_work:
            key = content_key(graph, inputs, "exact")
            engine, parts = _unpacked(self._cache.get(key))
            if not parts or not all((part.radius <= tolerance(i, part.hi)).all() for i, part in enumerate(parts)):
                try:
                    found = exact(graph, inputs, tolerance)
                except (PrecisionError, UnknownOperationError):
                    continue
                engine, parts = found.engine, found.results
                self._cache.put(key, _packed(engine, parts))
            if graph is graphs.loss or _agree(graphs.loss, parts, sizes):
                radii = [float(np.max(part.radius / unit(i, part.hi), initial=0.0)) for i, part in enumerate(parts)]
                return Reference(
                    ENGINES[engine],
                    _joined(part.hi for part in parts),
                    _joined(part.lo for part in parts),
                    max(radii),
                    _joined(part.terms for part in sizes),
                )
        return None

    def _sizes(self, graph: GraphModule, inputs: Sequence[torch.Tensor]) -> list[Magnitude]:
        """The gradient in float64, and B."""
        key = content_key(graph, inputs, "sizes")
        kept = self._cache.get(key)
        if kept is None:
            found = values_and_terms(graph, [tensor.double() for tensor in inputs])
            kept = [array for part in found for array in (part.value, part.terms)]
            self._cache.put(key, kept)
        return [Magnitude(*pair) for pair in zip(kept[::2], kept[1::2], strict=True)]


def _traced(
    problem: Problem, wrt: tuple[str, ...], inputs: Mapping[str, torch.Tensor], exact_forms: Sequence[str]
) -> _Graphs | None:
    tensors = [tensor.double() for tensor in inputs.values()]
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
    """Whether exact values are what float64 makes of the loss's derivative, within γ_n·B, n its roundings."""
    allowed = 2 * roundings(loss) * DTYPES["float64"].unit_roundoff
    pairs = list(zip(parts, sizes, strict=True))
    with np.errstate(invalid="ignore"):  # where float64 overflows, nothing is said
        gaps = [(np.abs(part.hi - size.value), allowed * size.terms + 2.0**-1000) for part, size in pairs]
        return not any((gap > most).any() for gap, most in gaps)


def _packed(engine: str, parts: Iterable[Enclosure]) -> list[np.ndarray[Any, Any]]:
    return [np.array(engine), *(array for part in parts for array in (part.hi, part.lo, part.radius))]


def _unpacked(kept: list[np.ndarray[Any, Any]] | None) -> tuple[str, tuple[Enclosure, ...]]:
    if kept is None:
        return "", ()
    engine, *arrays = kept
    return str(engine), tuple(Enclosure(*arrays[i : i + 3]) for i in range(0, len(arrays), 3))


def _joined(parts: Iterable[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])


def _in_float64(problem: Problem, wrt: tuple[str, ...], inputs: Mapping[str, torch.Tensor]) -> Reference:
    asked = objective(problem, wrt, {name: tensor.double() for name, tensor in inputs.items()})
    leaves = asked.leaves()
    parts = torch.autograd.grad(asked.loss(*leaves), leaves)
    hi = np.concatenate([part.numpy().ravel() for part in parts])
    return Reference("float64", hi, np.zeros_like(hi), None, None)
