"""Gradients as methods return them: a tensor or a tuple of tensors. Checks their shape and gives their bytes."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from gradiometer.problems.inputs import bits


def as_tuple(gradient: Any) -> tuple[Any, ...]:
    """A gradient as a tuple, one entry per input."""
    return tuple(gradient) if isinstance(gradient, (tuple, list)) else (gradient,)


def mismatch(gradient: Any, point: tuple[torch.Tensor, ...]) -> str | None:
    """Why a gradient does not fit these inputs (number, type, shape, dtype, device); None where it fits."""
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
    """First 16 hexadecimal digits of the sha256 of a gradient's bytes."""
    return hashlib.sha256(bits_of(gradient)).hexdigest()[:16]


def bits_of(gradient: Any) -> bytes:
    """Bytes of a gradient, part after part. Parts that are not tensors, or have no data (device meta), are left out."""
    parts = [part for part in as_tuple(gradient) if isinstance(part, torch.Tensor)]
    return b"".join(bits(part) for part in parts if not part.is_meta)
