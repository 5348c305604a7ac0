"""A problem's loss and forms as functions of all its inputs in order, and what they must be like to be judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from gradiometer.accuracy.gradients import as_tuple, bits_of, mismatch
from gradiometer.errors import GradiometerError
from gradiometer.methods import objective, prepare_form
from gradiometer.problems.inputs import bits
from gradiometer.problems.problem import Form, Problem

Tensors = tuple[torch.Tensor, ...]
Function = Callable[..., Any]


class UncheckableError(GradiometerError):
    """A function that no verdict is possible on; the message says why, in one line."""


def loss_function(problem: Problem) -> Function:
    """The loss of all inputs in order, as a scalar."""
    names = tuple(problem.shapes)

    def loss(*tensors: torch.Tensor) -> torch.Tensor:
        return problem.loss(**dict(zip(names, tensors, strict=True))).reshape(())

    return loss


def form_function(problem: Problem, form: Form) -> Function:
    """A form, with its preparation, of all inputs in order, as a tuple."""
    names = tuple(problem.shapes)
    return lambda *tensors: as_tuple(prepare_form(form, dict(zip(names, tensors, strict=True)))()())


def torch_function(problem: Problem, wrt: tuple[str, ...]) -> Function:
    """torch's own derivative of the loss, of all inputs in order, as a tuple."""
    names = tuple(problem.shapes)
    differentiate = torch.func.grad(loss_function(problem), tuple(names.index(name) for name in wrt))

    def gradient(*tensors: torch.Tensor) -> Tensors:
        found: Tensors = differentiate(*tensors)
        return found

    return gradient


def check_loss(problem: Problem, inputs: dict[str, torch.Tensor]) -> None:
    """See that the loss runs and is one number. Raises what it raises, or ValueError."""
    objective(problem, tuple(problem.shapes)[:1], inputs)


def called(function: Function, tensors: Tensors, names: tuple[str, ...], what: str) -> Any:
    """What a function returns, called twice on copies. Raises UncheckableError.

    A function that raises, changes its inputs, or returns other bits the second time cannot be judged.
    """
    copies = tuple(tensor.clone() for tensor in tensors)
    returned = []
    for _ in range(2):
        try:
            returned.append(function(*copies))
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0]
            raise UncheckableError(f"{what} raises {type(error).__name__}: {first}"[:300]) from error
        for name, copy, tensor in zip(names, copies, tensors, strict=True):
            if bits(copy) != bits(tensor):
                raise UncheckableError(f"{what} changes its input {name}; compute into a new tensor instead")
    if bits_of(returned[0]) != bits_of(returned[1]):
        raise UncheckableError(
            f"{what} returns something else when it is called again; take random numbers as an input"
        )
    return returned[0]


def misfit(gradient: tuple[Any, ...], point: Tensors) -> str | None:
    """Why a gradient is none of these inputs' (number, type, shape, dtype, device); None where it fits."""
    why = mismatch(gradient, point)
    if why is None or len(gradient) != len(point):
        return why
    pairs = [pair for pair in zip(gradient, point, strict=True) if isinstance(pair[0], torch.Tensor)]
    wrong = [(part.shape, tensor.shape) for part, tensor in pairs if part.shape != tensor.shape]
    return f"{why}, its transpose" if wrong and wrong[0][0] == wrong[0][1][::-1] else why
