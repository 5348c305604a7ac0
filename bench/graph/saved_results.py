"""Tell the results that autograd saves for its backward pass from tensors that a function detaches."""

from __future__ import annotations

from types import FrameType
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

BY_AUTOGRAD = {
    torch.autograd.Function.apply.__func__.__code__,  # type: ignore[attr-defined]  # a class method
    torch.autograd.graph._engine_run_backward.__code__,
}
"""Code that calls C++ code of autograd, which saves results and unpacks them. Code of a user runs in other frames."""


class LastCall:
    """The last operation: the instruction of the Python code that called it, and what it returned.

    Autograd saves a result by detaching it, within the call of the operation that computed it. A function detaches a
    tensor by a call of its own, even where PyTorch's Python code does it inside another function.
    """

    def __init__(self) -> None:
        self._frame: FrameType | None = None
        self._instruction = 0
        self._results: list[Any] = []

    def note(self, caller: FrameType, result: Any) -> None:
        """Remember an operation that `caller` called, when it has returned."""
        self._frame, self._instruction, self._results = caller, caller.f_lasti, tree_leaves(result)

    def saves(self, caller: FrameType, tensor: torch.Tensor) -> bool:
        """Whether a detach of `tensor`, called from `caller`, is autograd's."""
        if caller.f_code in BY_AUTOGRAD:
            return True
        is_same_call = caller is self._frame and caller.f_lasti == self._instruction
        return is_same_call and any(tensor is one for one in self._results)
