"""How many floating-point operations a call does: counted as it runs on fake tensors, which have shapes but no data.

Each multiply and each add counts one: a product of m × k by k × n is 2mkn, an elementwise operation one per entry of
its result (a transcendental or a comparison too), a reduction one per entry of what it reduces. Moving entries counts
none. Composite operations are broken up by DECOMPOSITIONS, and matrix products and convolutions are torch's own
formulas (`torch.utils.flop_counter`). What is counted is what runs: a loss that a gradient did not need counts too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from math import prod
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from gradiometer.graph.decompositions import DECOMPOSITIONS
from gradiometer.graph.trace import UnknownOperationError, overload_name

REDUCTIONS = {
    "all", "amax", "amin", "any", "argmax", "argmin", "cumsum", "max", "mean", "min", "nansum", "prod", "sum",
}  # fmt: skip
MOVES = {
    "_efficientzerotensor", "_to_copy", "_unsafe_view", "arange", "cat", "clone", "constant_pad_nd", "copy", "copy_",
    "diagonal_copy", "diagonal_scatter", "empty", "empty_like", "empty_strided", "eye", "fill", "fill_", "flip",
    "full", "full_like", "gather", "index", "index_put", "index_select", "new_empty", "new_empty_strided", "new_full",
    "new_ones", "new_zeros", "ones", "ones_like", "repeat", "roll", "scalar_tensor", "scatter", "select_backward",
    "select_scatter", "slice_backward", "slice_scatter", "stack", "tril", "triu", "zero_", "zeros", "zeros_like",
}  # fmt: skip


def flops_of(operation: Any, arguments: tuple[Any, ...], named: Mapping[str, Any], result: Any) -> int:
    """The operations that one aten overload did. Raises UnknownOperationError."""
    name = overload_name(operation)
    asks = not any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(result))  # for a shape or a device
    is_inside = operation.namespace == "prims"  # a piece of an aten operation that was counted whole
    if operation.is_view or asks or is_inside or name in MOVES:
        return 0
    if operation.overloadpacket in flop_registry:
        return int(flop_registry[operation.overloadpacket](*arguments, **named, out_val=result))
    if name in REDUCTIONS:
        return prod(arguments[0].shape)
    if _is_elementwise(operation.overloadpacket):
        return prod(result.shape)
    raise UnknownOperationError(f"how many operations {name} does is not known; give it a rule in bench/graph/work.py")


@cache
def _is_elementwise(packet: Any) -> bool:
    """torch tags most overloads of an elementwise operation, not each (of `rsub`, one)."""
    return any(torch.Tag.pointwise in getattr(packet, name).tags for name in packet.overloads())


class _Count(TorchDispatchMode):
    """Adds up `flops_of` all that runs inside it; the unknown is kept for later, as autograd's C++ may not raise."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.unknown: UnknownOperationError | None = None

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if operation in DECOMPOSITIONS:
            with self:
                result = DECOMPOSITIONS[operation](*args, **named)
            if result is not NotImplemented:
                return result
        result = operation(*args, **named)
        try:
            self.flops += flops_of(operation, args, named, result)
        except UnknownOperationError as unknown:
            self.unknown = unknown
        return result


@contextmanager
def weightless() -> Iterator[None]:
    """Tensors that are made inside have shapes and no data; those from outside, such as constants, may join them."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def flops(call: Callable[[], Any]) -> int:
    """What `call` does. Raises UnknownOperationError, and what the call raises (a branch on data does)."""
    with _Count() as count:
        call()
    if count.unknown is not None:
        raise count.unknown
    return int(count.flops)
