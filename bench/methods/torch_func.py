"""The transforms of torch.func."""

from functools import partial
from typing import Any

import torch

from gradiometer.methods.method import Make, Objective


def func_grad(o: Objective) -> Make:
    """torch.func.grad."""
    return lambda: partial(torch.func.grad(o.loss, o.argnums), *o.point)


def func_vjp(o: Objective) -> Make:
    """torch.func.vjp with grad_output 1."""
    one = torch.ones((), dtype=o.point[0].dtype, device=o.point[0].device)

    def call() -> Any:
        return torch.func.vjp(o.loss, *o.point)[1](one)

    return lambda: call


def jacrev(o: Objective) -> Make:
    """torch.func.jacrev: reverse mode."""
    return lambda: partial(torch.func.jacrev(o.loss, o.argnums), *o.point)


def jacfwd(o: Objective) -> Make:
    """torch.func.jacfwd: forward mode, P tangents at once."""
    return lambda: partial(torch.func.jacfwd(o.loss, o.argnums), *o.point)
