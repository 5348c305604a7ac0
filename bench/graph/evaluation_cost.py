"""Cost of evaluating a graph exactly. Of several graphs of one gradient, the reference uses the cheapest."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch.fx import GraphModule

from gradiometer.graph.arithmetic.polynomials import OPERATIONS, POLYNOMIALS, Polynomial, mm
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import UnknownOperationError, overload_name, shape_of

PER_ENTRY = {
    "mm": 1, "bmm": 1, "solve": 2, "det": 1, "logabsdet": 1, "adjugate": 4, "linalg_cholesky_ex": 1, "linalg_qr": 3,
    "linalg_lu_factor_ex": 1, "geqrf": 3, "linalg_pinv": 10, "linalg_matrix_exp": 20, "_linalg_eigh": 30,
    "_linalg_svd": 60, "linalg_eig": 60,
}  # fmt: skip
"""Operation on matrices → multiplications for each entry of its first operand and each of its columns, roughly."""


def multiplications(graph: GraphModule) -> int:
    """Number of multiplications of operations on matrices, plus one for each entry that another operation computes."""
    count = 0
    for node in graph.graph.nodes:
        if node.op != "call_function":
            continue
        factor, value = PER_ENTRY.get(overload_name(node.target)), node.meta.get("val")
        if factor is not None:
            shape = shape_of(node.args[0])
            columns = value.shape[-1] if overload_name(node.target) in ("mm", "bmm") else shape[-1]
            count += factor * prod(shape) * columns
        elif isinstance(value, torch.Tensor):
            count += prod(value.shape)
    return count


def evaluation_cost(graph: GraphModule) -> tuple[bool, int]:
    """Sort key of graphs, cheapest first: polynomials before others, then by estimated products of limbs.

    A product of degree d has about d times the limbs of an input, so a multiplication of degrees d and e counts d·e; a
    graph that is not a polynomial counts its multiplications. Check: for W1 of the batch autoencoder in float32 at size
    1024 on one core, the estimate is 4.8, 5, 5.5 and 5 for `gram`, `factored`, `textbook` and the derivative of the
    loss, measured 1.1, 1.3, 1.4 and 1.6 s. For W2's `gram`, `factored` and `textbook` it is 3.8, 4.5 and 7.5, measured
    1.0, 1.3 and 1.8 s; plain multiplications would rank `factored` first.
    """
    count = 0

    def product(a: Polynomial, b: Polynomial) -> Polynomial:
        nonlocal count
        count += prod(a.shape) * b.shape[-1] * max(1, a.degree) * max(1, b.degree)
        return mm(a, b)

    def constant(tensor: torch.Tensor) -> Polynomial:
        return Polynomial(tuple(tensor.shape), 0, 1)

    counting = replace(
        POLYNOMIALS, operations={**OPERATIONS, "mm": product, "bmm": product}, lift=constant, literal=constant
    )
    inputs: list[Any] = [Polynomial(shape_of(node), 1, 1) for node in graph.graph.nodes if node.op == "placeholder"]
    try:
        evaluate(graph, inputs, counting)
    except (UnknownOperationError, OverflowError, ValueError):
        return True, multiplications(graph)
    return False, count
