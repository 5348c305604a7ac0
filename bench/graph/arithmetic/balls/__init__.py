"""Ball arithmetic on numpy object arrays, one file per family of operations.

Each file provides OPERATIONS: aten name → function of arrays of balls and Python numbers. May import flint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from flint import arb
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.arrays import gather_entries
from gradiometer.graph.arithmetic.balls import (
    complex_numbers,
    core,
    linear_algebra,
    order,
    special,
)
from gradiometer.graph.arithmetic.balls.widening import Widening
from gradiometer.graph.evaluate import Arithmetic
from gradiometer.graph.trace import overload_name

__all__ = ["NOT_RIGOROUS", "OPERATIONS", "Widening", "balls", "is_rigorous"]

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    **core.OPERATIONS,
    **special.OPERATIONS,
    **linear_algebra.OPERATIONS,
    **order.OPERATIONS,
    **complex_numbers.OPERATIONS,
}
"""Operation → its function in balls."""

NOT_RIGOROUS = linear_algebra.NOT_RIGOROUS
"""Operations whose result is not enclosed in every case, see `is_rigorous`."""


def balls(widening: Widening | None = None) -> Arithmetic:
    """Ball arithmetic. Without a widening, the constants of the program are exact."""
    return Arithmetic(
        name="balls",
        table="OPERATIONS in bench/graph/arithmetic/balls/",
        value=np.ndarray,
        operations=OPERATIONS,
        lift=core.lift,
        literal=widening.tensor if widening else core.lift,
        scalar=widening.number if widening else arb,
        gather=lambda parts, index: gather_entries(parts, index, arb(0)),
    )


def is_rigorous(graph: GraphModule) -> bool:
    """Whether balls enclose every result of a graph. Otherwise they agree in high precision only."""
    return not any(overload_name(node.target) in NOT_RIGOROUS for node in graph.graph.nodes)
