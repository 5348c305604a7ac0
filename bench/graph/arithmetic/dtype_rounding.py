"""How PyTorch rounds on a CPU in each dtype: unit roundoffs, underflow and overflow."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.fx import GraphModule
from torch.utils._pytree import tree_leaves

from gradiometer.graph.trace import UnknownOperationError, overload_name
from gradiometer.storage.schema import DTYPES


class Rounding(NamedTuple):
    """Rounding in one dtype: `unit` is u in storage, `inner` is u in sums and products.

    `double` is added to u where a wider format rounds first. The error of one underflow is `tiny` (half the least
    subnormal), `flushed` (the least normal) where a library may flush to zero, and `inner_tiny` in an accumulator.
    Overflow begins above `largest`, in an accumulator above `inner_largest`.
    """

    unit: float
    inner: float
    double: float
    tiny: float
    flushed: float
    inner_tiny: float
    inner_largest: float
    largest: float

    @property
    def share(self) -> float:
        """The error of float64 values relative to their error bound: |c − x| ≤ share · E."""
        return 2.0**-53 / self.inner


def rounding_of(name: str) -> Rounding:
    """The rounding of PyTorch on a CPU in a dtype. oneDNN flushes subnormal bfloat16 operands and results to zero."""
    form, single = DTYPES[name], DTYPES["float32"]
    u, tiny = form.unit_roundoff, 2.0 ** max(form.min_exponent - form.precision, -1074)
    if form.itemsize == 2:
        return Rounding(u, 2.0**-24, 2.0**-23, tiny, 2.0**form.min_exponent, 2.0**-126, single.largest, form.largest)
    return Rounding(u, u, 2.0**-52 if name == "float32" else 0.0, tiny, tiny, tiny, form.largest, form.largest)


def coarsest(graph: GraphModule, name: str) -> Rounding:
    """The worst rounding among the dtype and all floating dtypes of the graph. Raises UnknownOperationError.

    In a graph of float16 or bfloat16, operations in float32 count as 16-bit operations. Some decompositions of PyTorch
    (mse_loss_backward) compute in float32 where the kernel rounds each step to 16 bits.
    """
    nodes = list(graph.graph.nodes)
    constants = [getattr(graph, node.target) for node in nodes if node.op == "get_attr"]
    tensors = [t for t in tree_leaves([constants, [n.meta.get("val") for n in nodes]]) if isinstance(t, torch.Tensor)]
    names = {name, *(str(t.dtype).removeprefix("torch.") for t in tensors if t.is_floating_point() or t.is_complex())}
    unknown = (names - set(DTYPES)) | ({overload_name(node.target) for node in nodes} & {"linspace", "logspace"})
    if unknown:
        raise UnknownOperationError(f"no error bound is known for {', '.join(sorted(unknown))}")
    roundings = [rounding_of(each) for each in names]
    worst = Rounding(*map(max, zip(*roundings, strict=True)))
    return worst._replace(
        largest=min(one.largest for one in roundings), inner_largest=min(one.inner_largest for one in roundings)
    )
