"""Rules of the reverse sweep, one file per family of operations.

Each file provides RULES: operation → function of (cotangent g of the result, result y, *arguments) that returns the
arguments' cotangents. The functions are written in PyTorch without rounded constants and are traced themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradiometer.graph.derivative.rules import (
    complex_numbers,
    core,
    linear_algebra,
    order,
    special,
)

RULES: Mapping[str, Callable[..., Any]] = {
    **core.RULES,
    **special.RULES,
    **linear_algebra.RULES,
    **order.RULES,
    **complex_numbers.RULES,
}
"""Operation → its rule."""
