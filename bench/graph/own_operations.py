"""Operations of our own in PyTorch's registry, for graphs in which one step has no single operation of aten.

`torch.library.custom_op` does the same, but imports PyTorch's compiler at the first call, which takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

NAMESPACE = "gradiometer"
_LIBRARY = torch.library.Library(NAMESPACE, "FRAGMENT")  # lives as long as the process: its end removes the operations


def own_operation(shape: Callable[..., torch.Tensor]) -> Callable[[Callable[..., Any]], Any]:
    """Register a function of tensors and numbers as the operation of its name, and return the operation.

    `shape` takes the same arguments and returns an empty tensor of the result's shape and dtype. The function computes
    the result with data, and returns a new tensor.
    """

    def register(function: Callable[..., Any]) -> Any:
        name = str(function.__name__)
        _LIBRARY.define(name + torch.library.infer_schema(function, mutates_args=()))
        _LIBRARY.impl(name, function, "CompositeExplicitAutograd")
        torch.library.register_fake(f"{NAMESPACE}::{name}", shape, lib=_LIBRARY)
        return getattr(getattr(torch.ops, NAMESPACE), name)

    return register
