"""Operations and inputs of a method's call, counted from the problem and its dimensions without computing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from gradiometer.graph.flops import flops
from gradiometer.graph.modes import ShapesAlone
from gradiometer.methods import METHODS, objective, prepare_form
from gradiometer.problems import Problem, inputs
from gradiometer.storage.schema import BASELINE, DATA

LOSS = "the loss"
COUNTED = {"reverse": BASELINE, "forward": "jacfwd", "numeric": LOSS}
"""Family of generic methods → the call that is counted for it. Methods of one family differ only in overhead."""


class Counts:
    """Counts per problem, wrt and dims, each made once: they depend on nothing else."""

    def __init__(self) -> None:
        self._known: dict[Any, int | None] = {}
        self._dtypes: dict[str, dict[str, torch.dtype]] = {}

    def of(self, problem: Problem, wrt: str, dims: Mapping[str, int], method: str) -> int | None:
        """Floating-point operations of one call, without preparation. None if the call is no fixed graph of known ones.

        A form's own operations are counted; for reverse and forward mode those of the method in COUNTED; for a finite
        difference those of one loss, times the number of losses.
        """
        if method in problem.forms(wrt):
            return self._of_call(problem, wrt, dims, method)
        known = METHODS[method]
        one = self._of_call(problem, wrt, dims, COUNTED[known.family])
        if one is None or known.family != "numeric":
            return one
        entries = sum(torch.Size(problem.shape_of(name, dims)).numel() for name in problem.wrts[wrt])
        return known.per_entry * entries * one

    def read(self, problem: Problem, wrt: str, dims: Mapping[str, int], form: str) -> int | None:
        """Entries of the tensors that a form's call receives: inputs, and what its preparation computed."""
        key = (problem.name, wrt, tuple(dims.items()), form, "read")
        dtypes = self._dtypes_of(problem, dims)
        return self._once(key, lambda: _handed(_call(problem, wrt, dims, dtypes, form)))

    def _of_call(self, problem: Problem, wrt: str, dims: Mapping[str, int], what: str) -> int | None:
        key = (problem.name, wrt, tuple(dims.items()), what)
        dtypes = self._dtypes_of(problem, dims)
        return self._once(key, lambda: flops(_call(problem, wrt, dims, dtypes, what)))

    def _dtypes_of(self, problem: Problem, dims: Mapping[str, int]) -> dict[str, torch.dtype]:
        """Dtypes of the inputs in a float32 case, drawn once: a problem's sampler decides which are labels or masks."""
        if problem.name not in self._dtypes:
            drawn = None
            for data in (*DATA, *problem.data) if problem.sample or problem.kinds else ():
                drawn = drawn or inputs.draw(problem, dims, data, 0)
            if drawn is None:
                return dict.fromkeys(problem.shapes, torch.float32)
            found = inputs.rounded(drawn, torch.float32)
            self._dtypes[problem.name] = {name: tensor.dtype for name, tensor in found.items()}
        return self._dtypes[problem.name]

    def _once(self, key: Any, count: Callable[[], int]) -> int | None:
        if key not in self._known:
            try:
                with ShapesAlone():
                    self._known[key] = count()
            except Exception:  # a problem's code may raise anything on tensors without data
                self._known[key] = None
        return self._known[key]


def _call(
    problem: Problem, wrt: str, dims: Mapping[str, int], dtypes: Mapping[str, torch.dtype], what: str
) -> Callable[[], Any]:
    """The call whose operations are counted. Its preparation has run."""
    tensors = {name: torch.empty(problem.shape_of(name, dims), dtype=dtype) for name, dtype in dtypes.items()}
    forms = problem.forms(wrt)
    if what in forms:
        return prepare_form(forms[what], tensors)()
    o = objective(problem, problem.wrts[wrt], tensors)
    return (lambda: o.loss(*o.point)) if what == LOSS else METHODS[what].prepare(o)()


def _handed(call: Any) -> int:
    """Entries of the tensors to which a form's call is bound."""
    return sum(part.numel() for part in tree_leaves(call.args) if isinstance(part, torch.Tensor))
