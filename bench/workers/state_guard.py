"""Detection of methods that change what all methods of a case share: the inputs, and torch's global settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "default device": (torch.get_default_device, torch.set_default_device),
    "number of threads": (torch.get_num_threads, torch.set_num_threads),
    "deterministic algorithms": (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    "float32 matmul precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
}
"""Global settings of torch that change every method's time or result, each with its getter and setter."""


class StateGuard:
    """Compares the inputs and torch's settings with what they were, and restores them.

    In-place operations of torch show in a tensor's version counter. Writes through `.data`, `.numpy()` or a kernel do
    not: they show only in the bits, whose comparison reads all inputs.
    """

    def __init__(self, inputs: Mapping[str, torch.Tensor]) -> None:
        self._inputs = dict(inputs)
        self._memory = {name: tensor.detach() for name, tensor in inputs.items()}
        self._copies = {name: tensor.clone() for name, tensor in inputs.items()}
        self._tensors = tuple(self._inputs.values())
        self._settings = {what: get() for what, (get, _) in SETTINGS.items()}
        self._mark()

    def _mark(self) -> None:
        self._marks, self._versions = self._marked(), [tensor._version for tensor in self._tensors]

    def _marked(self) -> dict[str, Any]:
        return {
            name: (
                (tensor._version, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype,
                 tensor.untyped_storage().nbytes()),
                (tensor.requires_grad, tensor.is_leaf, tensor.is_leaf and tensor.grad is None),
            )
            for name, tensor in self._inputs.items()
        }  # fmt: skip

    def change(self, everything: bool) -> str | None:
        """What has changed, as a reason for a failure, then restored; None if nothing has.

        Compares the version counters, which takes less than a microsecond, or also all bits and settings.
        """
        if not everything and [tensor._version for tensor in self._tensors] == self._versions:
            return None
        found = self._found()
        if found is not None:
            self._restore()
        return found

    def _found(self) -> str | None:
        marks = self._marked()
        for name, (memory, gradient) in self._marks.items():
            if marks[name][0] != memory:
                return f"writes into its input {name}"
            if marks[name][1] != gradient:
                return f"changes requires_grad or .grad of its input {name}"
            if not torch.equal(_bits(self._inputs[name]), _bits(self._copies[name])):
                return f"writes into its input {name}"
        for what, (get, _) in SETTINGS.items():
            if get() != self._settings[what]:
                return f"changes torch's global {what}"
        return None

    def _restore(self) -> None:
        for what, (get, put) in SETTINGS.items():
            if get() != self._settings[what]:
                put(self._settings[what])
        with torch.no_grad():
            for name, tensor in self._inputs.items():
                memory, copy = self._memory[name], self._copies[name]
                storage = memory.untyped_storage()
                if storage.nbytes() != copy.untyped_storage().nbytes():
                    storage.resize_(copy.untyped_storage().nbytes())
                memory.copy_(copy)
                tensor.detach_()
                tensor.grad = None
                tensor.requires_grad_(False)
                tensor.data = memory
        self._mark()


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor's memory as integers: equal exactly if all bits are, NaN included."""
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    return flat.view(torch.int64) if flat.numel() % 8 == 0 else flat
