"""Operations and inputs of a method's call, counted from the problem and its dimensions without computing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from gradiometer.graph.flops import flops
from gradiometer.graph.modes import ShapesAlone
from gradiometer.methods import METHODS, objective, prepare_form
from gradiometer.problems import Problem
from gradiometer.storage.schema import BASELINE

LOSS = "the loss"
COUNTED = {"reverse": BASELINE, "forward": "jacfwd", "numeric": LOSS}
"""Family of generic methods → the call that is counted for it. Methods of one family differ only in overhead."""


class Counts:
    """Counts per problem, wrt and dims, each made once: they depend on nothing else."""

    def __init__(self) -> None:
        self._known: dict[Any, int | None] = {}

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
        return self._once(key, lambda: _handed(_call(problem, wrt, dims, form)))

    def _of_call(self, problem: Problem, wrt: str, dims: Mapping[str, int], what: str) -> int | None:
        key = (problem.name, wrt, tuple(dims.items()), what)
        return self._once(key, lambda: flops(_call(problem, wrt, dims, what)))

    def _once(self, key: Any, count: Callable[[], int]) -> int | None:
        if key not in self._known:
            try:
                with ShapesAlone():
                    self._known[key] = count()
            except Exception:  # a problem's code may raise anything on tensors without data
                self._known[key] = None
        return self._known[key]


def _call(problem: Problem, wrt: str, dims: Mapping[str, int], what: str) -> Callable[[], Any]:
    """The call whose operations are counted. Its preparation has run."""
    inputs = {name: torch.empty(problem.shape_of(name, dims)) for name in problem.shapes}
    forms = problem.forms(wrt)
    if what in forms:
        return prepare_form(forms[what], inputs)()
    o = objective(problem, problem.wrts[wrt], inputs)
    return (lambda: o.loss(*o.point)) if what == LOSS else METHODS[what].prepare(o)()


def _handed(call: Any) -> int:
    """Entries of the tensors to which a form's call is bound."""
    return sum(part.numel() for part in tree_leaves(call.args) if isinstance(part, torch.Tensor))
