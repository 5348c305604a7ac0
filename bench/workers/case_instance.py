"""A case, rebuilt in a worker process from names and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from gradiometer.methods import METHODS, Make, Objective, objective, prepare_form
from gradiometer.problems import Problem, ProblemError
from gradiometer.problems import inputs as case_inputs


class CaseInstance:
    """The inputs of a case on its device, its objective, and the stages of its methods.

    Methods see `inputs`. References are computed from `rounded`, which no method can write into.
    """

    def __init__(self, problem: Problem, case: Mapping[str, Any], data: str, seed: int) -> None:
        self.problem, self.case = problem, case
        self.wrt = problem.wrts[case["wrt"]]
        self.forms = problem.forms(case["wrt"])
        drawn = case_inputs.draw(problem, case["dims"], data, seed)
        self.is_drawn = drawn is not None
        if drawn is None:
            return
        if any(drawn[name].is_complex() for name in self.wrt):
            raise ProblemError(
                f"{case['wrt']}: a derivative with respect to complex numbers is verified, but not measured"
            )
        self.rounded = case_inputs.rounded(drawn, getattr(torch, case["dtype"]))
        self.inputs = {name: tensor.to(case["device"], copy=True) for name, tensor in self.rounded.items()}
        self.input_hash = case_inputs.digest(self.rounded)

    def objective(self) -> Objective:
        """The loss as a function of the wrt inputs."""
        return objective(self.problem, self.wrt, self.inputs)

    @property
    def point(self) -> tuple[torch.Tensor, ...]:
        """The wrt inputs."""
        return tuple(self.inputs[name] for name in self.wrt)

    def prepare(self, method: str) -> Make:
        """Run the method's first stage."""
        if method in METHODS:
            return METHODS[method].prepare(self.objective())
        return prepare_form(self.forms[method], self.inputs)

    def gradient(self, method: str) -> Any:
        """Run all three stages once."""
        return self.prepare(method)()()

    def prepares(self, method: str) -> bool:
        """Whether the method has a first stage of its own, whose time is recorded."""
        return method in METHODS or self.forms[method].prepare is not None

    def losses(self, method: str) -> int:
        """Number of losses that the method evaluates one after another: 1, or some for each entry of the gradient."""
        known = METHODS.get(method)
        if known is None or known.batched:
            return 1
        return max(1, known.per_entry * sum(tensor.numel() for tensor in self.point))

    def loss_is_finite(self) -> bool:
        """Whether the loss itself, in the case's dtype, is finite."""
        return bool(torch.isfinite(self.objective().loss(*self.point)).all())
