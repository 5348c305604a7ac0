"""Every generic way to a gradient, in three stages: `prepare(objective) → make() → call() → gradient`.

*prepare* runs once per case and process, *make* builds a fresh callable at every segment, *call* alone is timed,
forward and backward together. A call returns the gradient of each input in the objective's point, in order: a tuple,
or one tensor where there is one input. Adding a method is one function and its entry in METHODS.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.autograd import functional

from gradiometer.problems.problem import Form, Problem, parameters_of

Call = Callable[[], Any]
Make = Callable[[], Call]


@dataclass(frozen=True)
class Objective:
    """A loss as a function of what it is differentiated with respect to, and the point to do so at.

    `loss(*point)` is a scalar tensor; the tensors of `point` do not require gradients and are shared with the forms.
    """

    loss: Callable[..., torch.Tensor]
    point: tuple[torch.Tensor, ...]

    @property
    def argnums(self) -> tuple[int, ...]:
        """The positions of all of the loss's arguments, as torch.func wants them."""
        return tuple(range(len(self.point)))

    def leaves(self) -> tuple[torch.Tensor, ...]:
        """The point as leaves that require gradients, on the same memory."""
        return tuple(tensor.detach().requires_grad_() for tensor in self.point)


def objective(problem: Problem, wrt: tuple[str, ...], inputs: dict[str, torch.Tensor]) -> Objective:
    """The problem's loss as a function of the inputs named by `wrt` alone."""
    fixed = {name: tensor for name, tensor in inputs.items() if name not in wrt}
    loss = partial(problem.loss, **fixed)
    point = tuple(inputs[name] for name in wrt)
    of_wrt: Callable[..., torch.Tensor]
    if len(wrt) == 1:
        (only,) = wrt

        def of_wrt(value: torch.Tensor) -> torch.Tensor:
            return loss(**{only: value})
    else:

        def of_wrt(*values: torch.Tensor) -> torch.Tensor:
            return loss(**dict(zip(wrt, values, strict=True)))

    value = of_wrt(*point)
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        found = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise ValueError(f"loss: expected a tensor of one element, found {found}; reduce it, as with .sum()")
    if value.ndim == 0:
        return Objective(of_wrt, point)
    return Objective(lambda *values: of_wrt(*values).reshape(()), point)  # func.grad refuses 1 × 1


def autograd(o: Objective) -> Make:
    """torch.autograd.grad: what a trainer pays, and the baseline of every ratio."""
    leaves = o.leaves()
    return lambda: lambda: torch.autograd.grad(o.loss(*leaves), leaves)


def backward(o: Objective) -> Make:
    """loss.backward(); .grad is dropped in the call, or a block's calls would accumulate in it."""
    leaves = o.leaves()

    def make() -> Call:
        def call() -> tuple[torch.Tensor | None, ...]:
            for leaf in leaves:
                leaf.grad = None
            torch.autograd.backward(o.loss(*leaves))
            return tuple(leaf.grad for leaf in leaves)

        return call

    return make


def jacobian(o: Objective, **options: Any) -> Make:
    """torch.autograd.functional.jacobian, as the notebook called it; a scalar loss is one row, one backward."""
    return lambda: lambda: functional.jacobian(o.loss, o.point, **options)


def jacobian_vectorized(o: Objective) -> Make:
    """The same under vmap."""
    return jacobian(o, vectorize=True)


def jacobian_forward(o: Objective) -> Make:
    """The same in forward mode: a tangent for every entry, P of them at once."""
    return jacobian(o, vectorize=True, strategy="forward-mode")


def func_grad(o: Objective) -> Make:
    """torch.func.grad."""
    return lambda: partial(torch.func.grad(o.loss, o.argnums), *o.point)


def func_vjp(o: Objective) -> Make:
    """torch.func.vjp with the cotangent 1."""
    one = torch.ones((), dtype=o.point[0].dtype, device=o.point[0].device)

    def call() -> Any:
        return torch.func.vjp(o.loss, *o.point)[1](one)

    return lambda: call


def jacrev(o: Objective) -> Make:
    """torch.func.jacrev."""
    return lambda: partial(torch.func.jacrev(o.loss, o.argnums), *o.point)


def jacfwd(o: Objective) -> Make:
    """torch.func.jacfwd: P tangents at once."""
    return lambda: partial(torch.func.jacfwd(o.loss, o.argnums), *o.point)


def central_difference(o: Objective) -> Make:
    """(L(x + h) − L(x − h)) / 2h entry by entry, 2P losses.

    h is the power of two at or below the cube root of the dtype's epsilon, where truncation and rounding balance for a
    loss of scale 1 (Press et al., Numerical Recipes, 5.7). What was really added divides, not what was asked for.
    """
    step = 2.0 ** math.floor(math.log2(torch.finfo(o.point[0].dtype).eps) / 3)

    def call() -> tuple[torch.Tensor, ...]:
        moved = [tensor.clone() for tensor in o.point]
        gradients = []
        for tensor in moved:
            entries, slopes = tensor.view(-1), torch.empty_like(tensor)
            into = slopes.view(-1)
            for i in range(len(entries)):
                here = entries[i].clone()
                up = here + step
                down = here - step
                entries[i] = up
                above = o.loss(*moved)
                entries[i] = down
                into[i] = (above - o.loss(*moved)) / (up - down)
                entries[i] = here
            gradients.append(slopes)
        return tuple(gradients)

    return lambda: call


def cuda_graph(o: Objective) -> Make:
    """autograd.grad captured once as a CUDA graph and replayed: what remains of its time without the launches.

    A replay reads the inputs where they lay at the capture: copying fresh ones there, which a trainer pays, is not
    included. Its result is the capture's own output, overwritten by each replay. Warm-up on a side stream, then the
    capture, as torch's notes on CUDA semantics have it; a loss that synchronises cannot be captured, and raises.
    """
    leaves = o.leaves()
    here, aside = torch.cuda.current_stream(), _side_stream()
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        for _ in range(3):
            torch.autograd.grad(o.loss(*leaves), leaves)
    here.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=aside):
        outputs = torch.autograd.grad(o.loss(*leaves), leaves)
    return lambda: partial(_replay, graph, outputs, o)


@functools.cache
def _side_stream() -> torch.cuda.Stream:
    """One per process: the BLAS keeps a workspace of megabytes for every stream that it has seen."""
    return torch.cuda.Stream()


def _replay(
    graph: torch.cuda.CUDAGraph, outputs: tuple[torch.Tensor, ...], reads: Objective
) -> tuple[torch.Tensor, ...]:
    """One replay. It keeps `reads` alive: the graph knows its inputs' addresses alone."""
    graph.replay()
    return outputs


@dataclass(frozen=True)
class Method:
    """A generic method.

    `per_entry` counts the losses it evaluates for each of the gradient's P entries (0: a fixed number in all);
    `batched` says that it holds all P tangents at once, which bounds the sizes it can run at; `device` is the only one
    it exists on: on others it is no cell at all, as a row of every case that says so would tell nothing of the case.
    """

    prepare: Callable[[Objective], Make]
    family: str
    label: str
    per_entry: int = 0
    batched: bool = False
    device: str | None = None

    def exists_on(self, device: str) -> bool:
        """Whether the method is one of this device's."""
        return self.device in (None, device)


METHODS: dict[str, Method] = {
    "autograd": Method(autograd, "reverse", "autograd.grad"),
    "backward": Method(backward, "reverse", ".backward()"),
    "jacobian": Method(jacobian, "reverse", "functional.jacobian"),
    "jacobian_vectorized": Method(jacobian_vectorized, "reverse", "functional.jacobian, vectorize"),
    "jacobian_forward": Method(jacobian_forward, "forward", "functional.jacobian, forward mode", 1, batched=True),
    "func_grad": Method(func_grad, "reverse", "func.grad"),
    "func_vjp": Method(func_vjp, "reverse", "func.vjp"),
    "jacrev": Method(jacrev, "reverse", "func.jacrev"),
    "jacfwd": Method(jacfwd, "forward", "func.jacfwd", 1, batched=True),
    "central_difference": Method(central_difference, "numeric", "central difference", 2),
    "cuda_graph": Method(cuda_graph, "reverse", "autograd.grad, CUDA graph, inputs in place", device="cuda"),
}


def _bound(function: Callable[..., Any], what: str, values: dict[str, Any]) -> Call:
    names = parameters_of(function, what)
    lacking = [name for name in names if name not in values]
    if lacking:
        raise ValueError(f"{what} takes {', '.join(lacking)}, which neither the inputs nor prepare give")
    return partial(function, *(values[name] for name in names))


def prepare_form(form: Form, inputs: dict[str, torch.Tensor]) -> Make:
    """A hand-derived gradient as a method; what its `prepare` returns joins the inputs."""
    values: dict[str, Any] = dict(inputs)
    if form.prepare is not None:
        values |= _bound(form.prepare, "prepare", values)()
    return lambda: _bound(form.call, "the form", values)
