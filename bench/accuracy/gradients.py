"""A gradient as methods return it: a tensor, or a tuple of them; what it must look like, and its bits."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from gradiometer.problems.inputs import bits


def as_tuple(gradient: Any) -> tuple[Any, ...]:
    """A gradient as a tuple, one entry per input."""
    return tuple(gradient) if isinstance(gradient, (tuple, list)) else (gradient,)


def mismatch(gradient: Any, point: tuple[torch.Tensor, ...]) -> str | None:
    """Why a gradient is none of these inputs' (number, type, shape, dtype, device); None where it fits."""
    parts = as_tuple(gradient)
    if len(parts) != len(point):
        return f"expected {len(point)} gradients, found {len(parts)}"
    for part, tensor in zip(parts, point, strict=True):
        if not isinstance(part, torch.Tensor):
            return f"expected a tensor, found {type(part).__name__}"
        for what, found, expected in (
            ("shape", tuple(part.shape), tuple(tensor.shape)),
            ("dtype", part.dtype, tensor.dtype),
            ("device", part.device.type, tensor.device.type),
        ):
            if found != expected:
                return f"expected {what} {expected}, found {found}"
    return None


def digest_of(gradient: Any) -> str:
    """A short hash of a gradient's bits."""
    return hashlib.sha256(bits_of(gradient)).hexdigest()[:16]


def bits_of(gradient: Any) -> bytes:
    """A gradient's bytes, one part after the other; what is no tensor, or has no data (device meta), has none."""
    parts = [part for part in as_tuple(gradient) if isinstance(part, torch.Tensor)]
    return b"".join(bits(part) for part in parts if not part.is_meta)
