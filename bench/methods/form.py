"""A hand-written gradient as a method: the same three stages as a generic one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gradiometer.errors import ProblemError

if TYPE_CHECKING:
    import torch

    from gradiometer.methods.method import Call, Make


@dataclass(frozen=True)
class Form:
    """A hand-written gradient with a part that is computed once per data set. A plain function needs no Form.

    `prepare` takes inputs by name and returns a dictionary of further inputs for `call`; only `call` is timed.
    `prepare` cannot take the inputs that are differentiated: they change at every step of an optimiser.
    """

    call: Callable[..., Any]
    prepare: Callable[..., Mapping[str, Any]] | None = None


def as_form(form: Callable[..., Any] | Form) -> Form:
    """The form itself, or a plain function as a form without preparation."""
    return form if isinstance(form, Form) else Form(form)


def parameters_of(function: Callable[..., Any], what: str) -> tuple[str, ...]:
    """Names of the inputs that `function` takes. Raises ProblemError for *args, **kwargs and functions without a
    signature; the message begins with `what`.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ProblemError(
            f"{what}: expected a function of named inputs, found {type(function).__name__}; wrap it in a def"
        ) from None
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ProblemError(f"{what}: parameter {parameter} is not a plain name; name each input it needs")
    return tuple(parameter.name for parameter in parameters)


def prepare_form(form: Form, inputs: dict[str, torch.Tensor]) -> Make:
    """The first stage of a form: runs its `prepare`, whose results join the inputs.

    Raises ProblemError where `call` takes a name that neither the inputs nor `prepare` give.
    """
    values: dict[str, Any] = dict(inputs)
    if form.prepare is not None:
        values |= _bound(form.prepare, "prepare", values)()
    return lambda: _bound(form.call, "the form", values)


def _bound(function: Callable[..., Any], what: str, values: dict[str, Any]) -> Call:
    names = parameters_of(function, what)
    absent = [name for name in names if name not in values]
    if absent:
        raise ProblemError(f"{what} takes {', '.join(absent)}, which neither the inputs nor prepare give")
    return partial(function, *(values[name] for name in names))
