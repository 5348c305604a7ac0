"""What a problem is: a loss, its inputs' shapes by named dimensions, and hand-derived gradients.

Conventions, stated once: a shape is a string of dimension names and integers (`"m n"`, `"3 n"`, `""` for a scalar); a
dimension is `max(1, round(factor * size))`; a loss takes its inputs by name and returns a scalar or one-element
tensor; a form takes, by name, those inputs it needs and returns a gradient shaped like the input it is for, or a tuple
of them where the key is a tuple of names.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from gradiometer.errors import GradiometerError

Gradients = Mapping["str | tuple[str, ...]", "Mapping[str, Callable[..., Any] | Form]"]
Sampler = Callable[[str, dict[str, int], torch.Generator], dict[str, torch.Tensor] | None]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class ProblemError(GradiometerError):
    """A problem that cannot be used; the message says what was expected, what came, what to do."""


def parameters_of(function: Callable[..., Any], what: str) -> tuple[str, ...]:
    """The names by which `function` asks for its inputs. Raises ProblemError for *args, ** and no signature."""
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


@dataclass(frozen=True)
class Form:
    """A hand-derived gradient: `call` alone is timed; `prepare` computes, once per data set, what calls may share.

    `prepare` returns a dictionary of further inputs for `call`. It may not ask for what the gradient is taken with
    respect to: that changes at every step of an optimiser, the data do not.
    """

    call: Callable[..., Any]
    prepare: Callable[..., Mapping[str, Any]] | None = None


def wrt_text(wrt: str | tuple[str, ...]) -> str:
    """`W1`, or `W1+W2` for a joint gradient."""
    return wrt if isinstance(wrt, str) else "+".join(wrt)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A loss and its hand-derived gradients.

    `gradients` maps an input's name, or a tuple of names for a joint gradient, to forms by name. `dims` are factors of
    the size. `sample(data, dims, generator)` draws inputs with constraints: it returns float64 tensors by name (what it
    leaves out is drawn as usual), or None for a kind of data that it cannot draw. Raises ProblemError.
    """

    name: str
    loss: Callable[..., torch.Tensor]
    shapes: Mapping[str, str]
    gradients: Gradients
    dims: Mapping[str, float] = field(default_factory=dict)
    sample: Sampler | None = None
    source: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ProblemError(f"name {self.name!r}: expected letters, digits and '_', a letter first, at most 64")
        here = f"problem {self.name}"
        if not self.shapes or not self.gradients:
            lacking = "gradients" if self.shapes else "shapes"
            raise ProblemError(f"{here}: {lacking} is empty; name at least one")
        for token in {token for shape in self.shapes.values() for token in shape.split()}:
            if token.isdigit() and int(token) > 0:
                continue
            if token not in self.dims:
                known = ", ".join(self.dims) or "none"
                raise ProblemError(f"{here}: dimension {token!r} has no factor in dims (known: {known}); add it there")
        for name, factor in self.dims.items():
            if not isinstance(factor, (int, float)) or not 0 < factor < float("inf"):
                raise ProblemError(f"{here}: dims[{name!r}] is {factor!r}; expected a positive number")
        inputs = set(parameters_of(self.loss, f"{here}, loss"))
        if inputs != set(self.shapes):
            raise ProblemError(
                f"{here}: loss takes {_listed(inputs)}, shapes has {_listed(self.shapes)}; name the same inputs"
            )
        for wrt, forms in self.gradients.items():
            self._check_forms(wrt, forms)

    def _check_forms(self, wrt: str | tuple[str, ...], forms: Mapping[str, Callable[..., Any] | Form]) -> None:
        names = (wrt,) if isinstance(wrt, str) else wrt
        here = f"problem {self.name}, gradients[{wrt!r}]"
        unknown = set(names) - set(self.shapes)
        if unknown or len(set(names)) < len(names) or not names:
            raise ProblemError(f"{here}: expected one or more different inputs out of {_listed(self.shapes)}")
        if not isinstance(forms, Mapping) or not forms:
            raise ProblemError(f"{here}: expected forms by name, such as {{'textbook': function}}")
        for name, form in forms.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ProblemError(f"{here}: form name {name!r}: expected letters, digits and '_', a letter first")
            whole = as_form(form)
            known = set(self.shapes)
            if whole.prepare is not None:
                seen = set(parameters_of(whole.prepare, f"{here}[{name!r}], prepare"))
                if seen - known or seen & set(names):
                    allowed = _listed(known - set(names))
                    raise ProblemError(f"{here}[{name!r}]: prepare takes {_listed(seen)}; it may take {allowed}")
            extra = set(parameters_of(whole.call, f"{here}[{name!r}]")) - known
            if extra and whole.prepare is None:
                raise ProblemError(f"{here}[{name!r}]: takes {_listed(extra)}; the inputs are {_listed(known)}")

    @property
    def wrts(self) -> dict[str, tuple[str, ...]]:
        """Text of each wrt → the names of its inputs."""
        return {wrt_text(wrt): (wrt,) if isinstance(wrt, str) else tuple(wrt) for wrt in self.gradients}

    def forms(self, wrt: str) -> dict[str, Form]:
        """Form by name, of the wrt with this text."""
        (found,) = [forms for key, forms in self.gradients.items() if wrt_text(key) == wrt]
        return {name: as_form(form) for name, form in found.items()}

    def dims_at(self, size: int, override: Mapping[str, float] | None = None) -> dict[str, int]:
        """The dimensions at a size, in dims' order: max(1, round(factor * size))."""
        factors = {**self.dims, **(override or {})}
        return {name: max(1, round(factors[name] * size)) for name in self.dims}

    def shape_of(self, name: str, dims: Mapping[str, int]) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(int(token) if token.isdigit() else dims[token] for token in self.shapes[name].split())


def as_form(form: Callable[..., Any] | Form) -> Form:
    """A plain function is a form without preparation."""
    return form if isinstance(form, Form) else Form(form)


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
