"""Does a function agree with PyTorch in three respects: its value, its derivative, and PyTorch's own backward graph?

1. `forward`: the traced function in balls equals the value that PyTorch computes in float64.
2. `derivative`: the exact derivative in balls equals `torch.autograd.grad` in float64.
3. `backward`: the traced `torch.func.grad` in balls equals the exact derivative.
"""

from __future__ import annotations

import numpy as np
import torch
from flint import ctx

from gradiometer.graph.arithmetic.balls import Widening, balls
from gradiometer.graph.arithmetic.magnitudes import absolute_terms
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import UndecidedError, evaluate
from gradiometer.graph.trace import TraceError, UnknownOperationError, trace
from gradiometer.verification.differences import agreeing_digits, all_finite, all_zero, differences, scales

PRECISIONS = (256, 1024)
"""Bits of the balls; the next precision is tried where a comparison is undecided or the balls are too wide."""
FLOAT64_SHARE = 1e-9
"""Largest difference between balls and float64, relative to the sum of absolute terms."""
LEAST_DIGITS = 15
"""Digits to which PyTorch's backward graph equals the exact derivative."""
WIDENED_SHARE = 2.0**-40
"""Largest radius, relative to the scale, at which a comparison with widened constants counts."""

KNOWN = (TraceError, UnknownOperationError, UndecidedError)


class DisagreementError(Exception):
    """A function that does not agree: `stage` is the first of the three that fails, the message is the reason."""

    def __init__(self, stage, reason):
        super().__init__(reason)
        self.stage = stage


def _traced(stage, function, tensors):
    return _known(stage, lambda: trace(function, tensors, name="it", at_point=True))


def _known(stage, compute):
    try:
        return compute()
    except Exception as error:
        kind = "" if isinstance(error, KNOWN) else f"{type(error).__name__}: "
        raise DisagreementError(stage, kind + (str(error).strip().splitlines() or [""])[0]) from error


def _finite(values):
    return all_finite([value for value in values if value.dtype == object])


def _in_balls(stage, graph, tensors, widening=None):
    """The results and the precision at which all of them are finite and decided."""
    for precision in PRECISIONS:
        try:
            with ctx.workprec(precision):
                found = _known(stage, lambda: evaluate(graph, tensors, balls(widening)))
        except DisagreementError as error:
            if precision == PRECISIONS[-1] or not isinstance(error.__cause__, UndecidedError):
                raise
            continue
        if _finite(found) or precision == PRECISIONS[-1]:
            return [np.asarray(part, dtype=object) for part in found], precision
    raise AssertionError("the loop returns or raises")


def _scale(graph, tensors, exact):
    """The sums of absolute terms, and the operation that has no magnitude (then the largest value is the scale)."""
    missing = ""
    try:
        sizes = absolute_terms(graph, tensors)
    except Exception as error:
        missing = str(error).splitlines()[0]
        sizes = [np.full(part.shape, float(max((abs(x) for x in part.ravel()), default=0))) for part in exact]
    return scales(sizes, exact), missing


def _check_float64(stage, exact, scale, values, share):
    for part, unit, value in zip(exact, scale, values, strict=True):
        if part.shape != tuple(value.shape):
            raise DisagreementError(stage, f"shape {part.shape} in balls, {tuple(value.shape)} in PyTorch")
        for ball, size, number in zip(
            part.ravel(), unit.ravel(), value.detach().clone().double().ravel().tolist(), strict=True
        ):
            if not ball.is_finite() or not float((ball - number).abs_upper()) <= share * size:
                raise DisagreementError(stage, f"{ball.str(12)} in balls, {number:.12g} in PyTorch")


def check(function, tensors, wrt, share=FLOAT64_SHARE):
    """Compare a function that returns one number, at one point. Returns the operation without a magnitude, or "".

    `tensors` are all inputs, `wrt` the positions of those that are differentiated; `share` is the largest difference
    from PyTorch's values, relative to the sum of absolute terms. Raises DisagreementError.
    """
    places = [tensor.detach().clone().requires_grad_(i in wrt) for i, tensor in enumerate(tensors)]
    value = function(*places)
    gradient = torch.autograd.grad(value, [places[i] for i in wrt], allow_unused=True)
    zeros = [torch.zeros_like(tensors[i]) for i in wrt]  # a sum with zeros has storage, unlike some gradients
    gradient = [zero if g is None else g + zero for g, zero in zip(gradient, zeros, strict=True)]

    loss = _traced("forward", function, tensors)
    exact, _ = _in_balls("forward", loss, tensors)
    scale, _ = _scale(loss, tensors, exact)
    _check_float64("forward", exact, scale, [value], share)

    ours = _known("derivative", lambda: derivative(loss, tensors, wrt))
    exact, precision = _in_balls("derivative", ours, tensors)
    scale, missing = _scale(ours, tensors, exact)
    _check_float64("derivative", exact, scale, gradient, share)

    graph = _backward_graph(function, tensors, wrt)
    found, _ = _in_balls("backward", graph, tensors)
    with ctx.workprec(precision):
        gaps = differences(found, exact)
        digits = agreeing_digits(gaps, scale, precision)
    if digits < LEAST_DIGITS and not _within_constants(graph, ours, tensors, scale):
        raise DisagreementError("backward", f"PyTorch's backward graph agrees to {digits:.1f} digits")
    return missing


def _backward_graph(function, tensors, wrt):
    """The graph of `torch.func.grad`, or of `torch.autograd.grad` for a function that torch.func cannot call."""

    def by_autograd(*given):
        leaves = [tensor.detach().requires_grad_(i in wrt) for i, tensor in enumerate(given)]
        return torch.autograd.grad(function(*leaves), [leaves[i] for i in wrt], materialize_grads=True)

    try:
        return _traced("backward", torch.func.grad(function, tuple(wrt)), tensors)
    except DisagreementError:
        return _traced("backward", by_autograd, tensors)


def _within_constants(graph, ours, tensors, scale):
    """Whether rounded constants explain the difference."""
    widening = Widening()
    lifted = [balls().lift(tensor) if tensor.is_floating_point() else tensor for tensor in tensors]
    try:
        found, precision = _in_balls("backward", graph, lifted, widening)
        exact, _ = _in_balls("backward", ours, lifted, widening)
    except DisagreementError:
        return False
    with ctx.workprec(precision):
        return widening.count > 0 and all_zero(differences(found, exact), scale, WIDENED_SHARE)
