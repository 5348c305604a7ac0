"""Sums of absolute terms of elementwise functions, from the rules of their derivatives.

The value comes from PyTorch and the slopes from RULES, so a function with a rule needs no entry of its own. A value and
its sum of absolute terms form a pair of arrays, as `magnitudes` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from gradiometer.graph.arithmetic.arrays import Array
from gradiometer.graph.derivative.rules import special

Pair = tuple[Array, Array]


def _by_rule(name: str) -> Callable[..., Pair]:
    """A function whose operands are pairs or numbers: max(|y|, Σ |∂y/∂x| M(x))."""
    operation, rule = getattr(torch.ops.aten, name), special.RULES[name]

    def apply(*operands: Any) -> Pair:
        shape = np.broadcast_shapes(*(x[0].shape for x in operands if isinstance(x, tuple)))
        arguments = [
            torch.from_numpy(np.array(np.broadcast_to(x[0], shape))) if isinstance(x, tuple) else x for x in operands
        ]
        y = operation(*arguments)
        slopes = rule(torch.ones_like(y), y, *arguments)
        terms = np.zeros(shape)
        for slope, x in zip(slopes, operands, strict=True):
            if slope is not None and isinstance(x, tuple):
                terms = terms + np.fmax(np.abs(slope.numpy()) * x[1], 0.0)
        value = y.numpy()
        return value, np.asarray(np.fmax(np.abs(value), terms))  # numpy returns a scalar without dimensions

    return apply


ELEMENTWISE: Mapping[str, Callable[..., Pair]] = {name: _by_rule(name) for name in special.RULES}
"""Operation → its function of pairs."""
