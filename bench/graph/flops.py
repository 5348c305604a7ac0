"""Count the floating-point operations of a call by running it on fake tensors, which have shapes and no data.

A multiplication or an addition counts one: a product of m × k by k × n counts 2mkn, an elementwise operation one per
entry of its result (transcendental functions and comparisons too), a reduction one per entry of its operand. Moving
entries counts none. Matrix products and convolutions use the formulas of `torch.utils.flop_counter`. Other
composite operations count as their decompositions. Everything that runs is counted, including a loss that the gradient
does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import prod
from typing import Any

import torch
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from gradiometer.graph.decompositions import DECOMPOSITIONS
from gradiometer.graph.modes import DispatchMode
from gradiometer.graph.trace import UnknownOperationError, overload_name

REDUCTIONS = {
    "all", "amax", "amin", "any", "argmax", "argmin", "cummax", "cummin", "cumsum", "kthvalue", "max", "mean", "median",
    "min", "mode", "nanmedian", "nansum", "prod", "sort", "sum", "topk",
}  # fmt: skip
MOVES = {
    "_efficientzerotensor", "_to_copy", "_unsafe_view", "arange", "cat", "clone", "constant_pad_nd", "copy", "copy_",
    "diagonal_copy", "diagonal_scatter", "empty", "empty_like", "empty_strided", "eye", "fill", "fill_", "flip",
    "full", "full_like", "gather", "index", "index_put", "index_select", "new_empty", "new_empty_strided", "new_full",
    "new_ones", "new_zeros", "ones", "ones_like", "repeat", "roll", "scalar_tensor", "scatter", "select_backward",
    "select_scatter", "slice_backward", "slice_scatter", "stack", "tril", "triu", "zero_", "zeros", "zeros_like",
}  # fmt: skip


def flops_of(operation: Any, arguments: tuple[Any, ...], named: Mapping[str, Any], result: Any) -> int:
    """Operations of one call of an aten overload. Raises UnknownOperationError."""
    name = overload_name(operation)
    is_query = not any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(result))  # of a shape or a device
    is_part = operation.namespace == "prims"  # of an aten operation that was counted as a whole
    if operation.is_view or is_query or is_part or name in MOVES:
        return 0
    if operation.overloadpacket in flop_registry:
        return int(flop_registry[operation.overloadpacket](*arguments, **named, out_val=result))
    if name in REDUCTIONS:
        return prod(arguments[0].shape)
    if _is_elementwise(operation.overloadpacket) and isinstance(result, torch.Tensor):
        return prod(result.shape)
    raise UnknownOperationError(
        f"the operations of {name} cannot be counted yet; a rule belongs in bench/graph/flops.py"
    )


@cache
def _is_elementwise(packet: Any) -> bool:
    """Whether any overload is tagged as elementwise; PyTorch does not tag every overload (of `rsub`, only one)."""
    return any(torch.Tag.pointwise in getattr(packet, name).tags for name in packet.overloads())


class _Count(DispatchMode):
    """Sums `flops_of` over all operations that run inside it.

    An unknown operation is stored and raised at the end, because autograd's C++ code does not pass exceptions on.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.unknown: UnknownOperationError | None = None

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        result = operation(*args, **named)
        try:
            self.flops += flops_of(operation, args, named, result)
        except UnknownOperationError as unknown:
            parts = NotImplemented
            if operation in DECOMPOSITIONS:
                with self:
                    parts = DECOMPOSITIONS[operation](*args, **named)
            if parts is NotImplemented:
                self.unknown = unknown
        return result


def flops(call: Callable[[], Any]) -> int:
    """Operations of `call`. Raises UnknownOperationError, and what the call raises, as for a branch on the data."""
    with _Count() as count:
        call()
    if count.unknown is not None:
        raise count.unknown
    return int(count.flops)
