"""The loss, a form and torch's own derivative, each as a function of all inputs in the problem's order.

Verification traces and calls these functions; the reference and the error bounds trace them too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from gradiometer.accuracy.gradients import as_tuple, bits_of, mismatch
from gradiometer.errors import GradiometerError
from gradiometer.graph.recording import eager
from gradiometer.methods import objective, prepare_form
from gradiometer.problems.inputs import bits
from gradiometer.problems.problem import Form, Problem

Tensors = tuple[torch.Tensor, ...]
Function = Callable[..., Any]


class UncheckableError(GradiometerError):
    """A function that cannot be checked; the message says why, in one line."""


def one_line(error: BaseException) -> str:
    """An exception's type and the first line of its message, at most 300 characters."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"[:300]


def loss_function(problem: Problem) -> Function:
    """The loss; it returns a scalar."""
    names = tuple(problem.shapes)

    def loss(*tensors: torch.Tensor) -> torch.Tensor:
        return problem.loss(**dict(zip(names, tensors, strict=True))).reshape(())

    return loss


def form_function(problem: Problem, form: Form) -> Function:
    """A form with its preparation; it returns a tuple with one gradient per differentiated input."""
    names = tuple(problem.shapes)
    return lambda *tensors: as_tuple(prepare_form(form, dict(zip(names, tensors, strict=True)))()())


def torch_function(problem: Problem, wrt: tuple[str, ...]) -> Function:
    """`torch.autograd.grad` of the loss; zeros for an input that the loss does not use."""
    names, loss = tuple(problem.shapes), loss_function(problem)

    def gradient(*tensors: torch.Tensor) -> Tensors:
        inputs = dict(zip(names, (tensor.detach().clone() for tensor in tensors), strict=True))
        for name in wrt:
            inputs[name].requires_grad_()
        value = loss(*inputs.values())
        if not value.requires_grad:  # a constant
            return tuple(torch.zeros_like(inputs[name]) for name in wrt)
        found = torch.autograd.grad(value, [inputs[name] for name in wrt], allow_unused=True)
        return tuple(torch.zeros_like(inputs[n]) if g is None else g for n, g in zip(wrt, found, strict=True))

    return gradient


def check_loss(problem: Problem, inputs: dict[str, torch.Tensor]) -> None:
    """Call the loss once. Raises ValueError unless it returns one number, and whatever the loss itself raises."""
    objective(problem, tuple(problem.shapes)[:1], inputs)


def call_on_copies(function: Function, tensors: Tensors, names: tuple[str, ...], what: str) -> Any:
    """Call a function on copies of the inputs; `what` names the function in messages.

    Copies keep a function that writes into its inputs from changing what other functions get. Raises UncheckableError
    where the function raises or writes into an input.
    """
    copies = tuple(tensor.clone() for tensor in tensors)
    try:
        with eager():
            returned = function(*copies)
    except Exception as error:  # the code of a problem may raise anything
        raise UncheckableError(f"{what} raises {one_line(error)}") from error
    for name, copy, tensor in zip(names, copies, tensors, strict=True):
        if bits(copy) != bits(tensor):
            raise UncheckableError(f"{what} writes into its input {name}; compute into a new tensor instead")
    return returned


def call_twice(function: Function, tensors: Tensors, names: tuple[str, ...], what: str) -> Any:
    """Call a function twice on copies of the inputs and return the first result.

    Raises UncheckableError as `call_on_copies` does, and where the second result differs in any bit.
    """
    first, second = (call_on_copies(function, tensors, names, what) for _ in range(2))
    if bits_of(first) != bits_of(second):
        raise UncheckableError(f"{what} returns another result when called again; take random numbers as an input")
    return first


def gradient_mismatch(gradient: tuple[Any, ...], point: Tensors) -> str | None:
    """How a gradient differs from its inputs in number, type, shape, dtype or device; None where it fits."""
    why = mismatch(gradient, point)
    if why is None or len(gradient) != len(point):
        return why
    pairs = [pair for pair in zip(gradient, point, strict=True) if isinstance(pair[0], torch.Tensor)]
    wrong = [(part.shape, tensor.shape) for part, tensor in pairs if part.shape != tensor.shape]
    return f"{why}, its transpose" if wrong and wrong[0][0] == wrong[0][1][::-1] else why
