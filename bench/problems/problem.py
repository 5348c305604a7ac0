"""The definition of a problem: a loss, the shapes of its inputs, and hand-written gradients.

A shape is a string of dimensions: `"m n"`, `"3 n"`, `"m 4*k"`, `"d+k"`, or `""` for a scalar. A named dimension is
`max(1, round(factor * size))`. Inputs are real numbers unless `kinds` declares labels, masks or constraints. A loss
takes its inputs by name and returns a scalar or a tensor of one element. A form takes, by name, the inputs that it
needs; it returns a gradient with the shape of the input it is for, or a tuple of gradients where the key is a tuple of
names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from gradiometer.errors import ProblemError
from gradiometer.methods import METHODS, Form, as_form, parameters_of
from gradiometer.problems import kinds, shapes
from gradiometer.storage.schema import DATA

__all__ = ["Form", "Gradients", "Problem", "ProblemError", "Sampler", "has_derivative", "wrt_text"]

Gradients = Mapping["str | tuple[str, ...]", "Mapping[str, Callable[..., Any] | Form]"]
Sampler = Callable[[str, dict[str, int], torch.Generator], dict[str, torch.Tensor] | None]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED = {"torch", *METHODS}
"""Names that no form may take: `torch` stands for PyTorch's derivative in verdicts, the others are methods."""


def has_derivative(dtype: torch.dtype) -> bool:
    """Whether numbers of a dtype can be differentiated: floating and complex ones."""
    return dtype.is_floating_point or dtype.is_complex


def wrt_text(wrt: str | tuple[str, ...]) -> str:
    """`W1`, or `W1+W2` for a joint gradient."""
    return wrt if isinstance(wrt, str) else "+".join(wrt)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A loss and its hand-written gradients. Raises ProblemError where the parts do not fit together.

    - `gradients` maps the name of an input, or a tuple of names for a joint gradient, to forms by name.
    - `dims` maps each dimension to its factor of the size.
    - `kinds` declares inputs that are not free real numbers, such as `{"y": "integer k", "T": "simplex"}`: the names
      are those of KINDS in kinds.py. Points meet a constraint exactly. The derivative with respect to a constrained
      input is that of the loss as a function of unconstrained numbers, taken at points that meet the constraint.
    - `sample(data, dims, generator)` draws inputs that obey other constraints. It returns tensors by name (float64,
      int64, bool or complex128), or None for a kind of data that it cannot draw. Inputs that it leaves out are drawn as
      usual.
    - `data` names the problem's own kinds of data, beside the generic ones. For these, `sample` returns every input.
    - `source` cites where the derivation is from. `label` is the name shown in reports.
    """

    name: str
    loss: Callable[..., torch.Tensor]
    shapes: Mapping[str, str]
    gradients: Gradients
    dims: Mapping[str, float] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    sample: Sampler | None = None
    data: tuple[str, ...] = ()
    source: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ProblemError(f"name {self.name!r}: expected letters, digits and '_', a letter first, at most 64")
        here = f"problem {self.name}"
        if not self.shapes or not self.gradients:
            empty = "gradients" if self.shapes else "shapes"
            raise ProblemError(f"{here}: {empty} is empty; name at least one")
        for shape in self.shapes.values():
            shapes.check(shape, self.dims, here)
        for name, factor in self.dims.items():
            if not isinstance(factor, (int, float)) or not 0 < factor < float("inf"):
                raise ProblemError(f"{here}: dims[{name!r}] is {factor!r}; expected a positive number")
        inputs = set(parameters_of(self.loss, f"{here}, loss"))
        if inputs != set(self.shapes):
            raise ProblemError(
                f"{here}: loss takes {_listed(inputs)}, shapes has {_listed(self.shapes)}; name the same inputs"
            )
        self._check_kinds(here)
        self._check_data(here)
        for wrt, forms in self.gradients.items():
            self._check_forms(wrt, forms)
        if len(self.wrts) < len(self.gradients):
            raise ProblemError(f"{here}: gradients names an input twice, as 'x' and as ('x',); join the two entries")

    def _check_kinds(self, here: str) -> None:
        if not isinstance(self.kinds, Mapping):
            raise ProblemError(
                f"{here}: kinds is {self.kinds!r}; expected kinds by input, such as {{'y': 'integer k'}}"
            )
        for name, declaration in self.kinds.items():
            if name not in self.shapes:
                raise ProblemError(f"{here}: kinds names {name!r}; the inputs are {_listed(self.shapes)}")
            kinds.check(declaration, self.shapes[name], self.dims, f"{here}, kinds[{name!r}]")

    def _check_data(self, here: str) -> None:
        if not isinstance(self.data, tuple):
            raise ProblemError(f"{here}: data is {self.data!r}; expected a tuple of names, such as ('near_optimum',)")
        if self.data and self.sample is None:
            raise ProblemError(f"{here}: data names {_listed(self.data)}, and no sample function draws it; add one")
        for kind in self.data:
            if not isinstance(kind, str) or not _KIND.fullmatch(kind) or kind in (*DATA, "all"):
                raise ProblemError(
                    f"{here}: data has {kind!r}; expected a name of its own, of a to z, 0 to 9 and '_', a letter first"
                )

    def _check_forms(self, wrt: str | tuple[str, ...], forms: Mapping[str, Callable[..., Any] | Form]) -> None:
        names = (wrt,) if isinstance(wrt, str) else wrt
        here = f"problem {self.name}, gradients[{wrt!r}]"
        unknown = set(names) - set(self.shapes)
        if unknown or len(set(names)) < len(names) or not names:
            raise ProblemError(f"{here}: expected one or more different inputs out of {_listed(self.shapes)}")
        if not isinstance(forms, Mapping) or not forms:
            raise ProblemError(f"{here}: expected forms by name, such as {{'textbook': function}}")
        for name in names:
            if name in self.kinds and not has_derivative(kinds.KINDS[self.kinds[name].split()[0]].dtype):
                raise ProblemError(f"{here}: {name} is declared as {self.kinds[name]}; only numbers have a derivative")
        for name, form in forms.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ProblemError(f"{here}: form name {name!r}: expected letters, digits and '_', a letter first")
            whole = as_form(form)
            known = set(self.shapes)
            if whole.prepare is not None:
                taken = set(parameters_of(whole.prepare, f"{here}[{name!r}], prepare"))
                if taken - known or taken & set(names):
                    allowed = _listed(known - set(names))
                    raise ProblemError(f"{here}[{name!r}]: prepare takes {_listed(taken)}; it may take {allowed}")
            extra = set(parameters_of(whole.call, f"{here}[{name!r}]")) - known
            if extra and whole.prepare is None:
                raise ProblemError(f"{here}[{name!r}]: takes {_listed(extra)}; the inputs are {_listed(known)}")
        _check_form_names(here, forms)

    @property
    def wrts(self) -> dict[str, tuple[str, ...]]:
        """Text of each wrt → the names of its inputs."""
        return {wrt_text(wrt): (wrt,) if isinstance(wrt, str) else tuple(wrt) for wrt in self.gradients}

    def forms(self, wrt: str) -> dict[str, Form]:
        """Name → form, for the wrt with this text."""
        (found,) = [forms for key, forms in self.gradients.items() if wrt_text(key) == wrt]
        return {name: as_form(form) for name, form in found.items()}

    def dims_at(self, size: int, override: Mapping[str, float] | None = None) -> dict[str, int]:
        """Dimension → its value at a size, in the order of `dims`; `override` replaces factors."""
        factors = {**self.dims, **(override or {})}
        return {name: max(1, round(factors[name] * size)) for name in self.dims}

    def shape_of(self, name: str, dims: Mapping[str, int]) -> tuple[int, ...]:
        """Shape of one input. Raises ProblemError where a dimension such as n-k is not positive."""
        return shapes.shape_at(self.shapes[name], dims)


def _check_form_names(here: str, names: Iterable[str]) -> None:
    """Names become parts of file names, and some file systems ignore case."""
    seen: dict[str, str] = {}
    for name in names:
        folded = name.lower()
        if folded in RESERVED:
            raise ProblemError(f"{here}: form name {name!r} is reserved for a method; rename the form")
        if folded in seen:
            raise ProblemError(f"{here}: forms {seen[folded]!r} and {name!r} differ only by case; rename one")
        seen[folded] = name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
