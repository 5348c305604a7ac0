"""What a generic method is: three stages, `prepare(objective) → make() → call() → gradient`.

*prepare* runs once per case and process, *make* builds a fresh callable for every segment, and only *call* is timed,
forward and backward together. A call returns the gradient of each tensor of the objective's point, in order: a tuple,
or one tensor where the point has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from gradiometer.problems.problem import Problem

Call = Callable[[], Any]
Make = Callable[[], Call]


@dataclass(frozen=True)
class Objective:
    """A loss as a function of the inputs to differentiate, and the point at which to differentiate it.

    `loss(*point)` is a scalar tensor. The tensors of `point` do not require gradients; all methods share them.
    """

    loss: Callable[..., torch.Tensor]
    point: tuple[torch.Tensor, ...]

    @property
    def argnums(self) -> tuple[int, ...]:
        """Positions of all arguments of the loss, as torch.func takes them."""
        return tuple(range(len(self.point)))

    def leaves(self) -> tuple[torch.Tensor, ...]:
        """The point as leaf tensors that require gradients, on the same memory."""
        return tuple(tensor.detach().requires_grad_() for tensor in self.point)


def objective(problem: Problem, wrt: tuple[str, ...], inputs: dict[str, torch.Tensor]) -> Objective:
    """The problem's loss as a function of the inputs named by `wrt`; the other inputs are fixed.

    Evaluates the loss once. Raises ValueError where the loss is not a tensor of one element.
    """
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
    return Objective(lambda *values: of_wrt(*values).reshape(()), point)  # torch.func.grad refuses shape (1, 1)


@dataclass(frozen=True)
class Method:
    """One entry of METHODS.

    `per_entry` is the number of losses evaluated for each of the gradient's P entries (0: a number that does not depend
    on P). `batched` methods hold all P tangents at once, so memory bounds the sizes they can run at. A method with a
    `device` exists on that device only; a case on another device has no cell for it.
    """

    prepare: Callable[[Objective], Make]
    family: str
    label: str
    per_entry: int = 0
    batched: bool = False
    device: str | None = None

    def exists_on(self, device: str) -> bool:
        """Whether cases on this device have a cell for the method."""
        return self.device in (None, device)
