"""The gradients that timed calls returned: the different ones, and which of them share memory.

A result is compared and copied right after its block, before any other method runs: a method may write into memory that
another one reads or returns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from gradiometer.accuracy.gradients import as_tuple

MOST_KEPT = 4
"""Largest number of different gradients of a method that one process keeps and has scored."""


class Outputs:
    """Gradients by method. `inputs` are those of the case; a gradient that is an input shares memory by right."""

    def __init__(self, inputs: Iterable[torch.Tensor]) -> None:
        self.kept: dict[str, list[tuple[Any, ...]]] = {}
        """Method → copies of the different gradients that its timed calls returned, at most MOST_KEPT of them."""
        self.notes: dict[str, str] = {}
        """Method → how its gradients share memory with other calls' gradients."""
        self._own = {_memory(tensor) for tensor in inputs}
        self._alive: dict[str, list[torch.Tensor]] = {}
        self._last: dict[str, tuple[Any, ...]] = {}

    def add(self, name: str, result: Any) -> None:
        """Note what the last call of a block returned."""
        found = as_tuple(result)
        self._note_sharing(name, [part for part in found if _has_data(part)])
        kept = self.kept.setdefault(name, [])
        if are_equal(found, self._last.get(name, ())) and kept:
            return
        for other in kept:
            if are_equal(found, other):
                self._last[name] = other
                return
        self._last[name] = copied(found)
        if len(kept) < MOST_KEPT:
            kept.append(self._last[name])

    def _note_sharing(self, name: str, found: list[torch.Tensor]) -> None:
        """The last result of every method is still alive, so memory that comes again belongs to both results."""
        memory = {_memory(part) for part in found if part.numel()} - self._own
        for other, alive in self._alive.items():
            if not memory.isdisjoint(map(_memory, alive)):
                if other == name:
                    self.notes.setdefault(name, "returns the same memory again, so that its next call overwrites it")
                else:
                    self.notes[name] = f"returns memory that a call of {other} overwrites"
                    self.notes[other] = f"returns memory that a call of {name} overwrites"
        self._alive[name] = found


def _memory(tensor: torch.Tensor) -> tuple[torch.device, int]:
    return tensor.device, tensor.untyped_storage().data_ptr()


def copied(gradient: Any) -> tuple[Any, ...]:
    """A copy of a gradient; parts without data are left as they are."""
    return tuple(part.detach().clone() if _has_data(part) else part for part in as_tuple(gradient))


def _has_data(part: Any) -> bool:
    return isinstance(part, torch.Tensor) and part.layout == torch.strided and not part.is_meta


def are_equal(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two gradients have the same shapes, dtypes and bits; parts without data only need to be of one type."""
    return len(one) == len(other) and all(_is_equal(a, b) for a, b in zip(one, other, strict=True))


def _is_equal(a: Any, b: Any) -> bool:
    if not (_has_data(a) and _has_data(b)):
        return type(a) is type(b) and not _has_data(a) and not _has_data(b)
    alike = a.shape == b.shape and a.dtype == b.dtype and a.device == b.device
    return alike and torch.equal(bits_view(a), bits_view(b))


def bits_view(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor's entries as integers: equal exactly if all bits are, NaN included."""
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
    return flat.view(torch.int64) if flat.numel() % 8 == 0 and flat.storage_offset() % 8 == 0 else flat
