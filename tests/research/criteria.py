"""Mistakes that other tests of a gradient accept: `python -m tests.research.criteria` prints them as a table.

Each criterion judges the same suspects, by its own documented rule and default tolerances, against torch's derivative:

- the notebook: ‖by hand − jacobian‖_F in float32, small enough to be believed (10⁻⁵; it printed 3 to 6·10⁻⁶);
- `torch.autograd.gradcheck`, and its fast mode: central differences with step 10⁻⁶, atol 10⁻⁵, rtol 10⁻³;
- ADBench and GradBench: |x − y| / max(1, |x| + |y|) ≤ 10⁻⁸ and ≤ 10⁻⁴ for every entry, in float64;
- Gradiometer: `gradiometer.verification`, in exact arithmetic, at dimensions of its own choosing.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch

from gradiometer.methods import objective
from gradiometer.problems import PROBLEMS, Problem
from gradiometer.problems.inputs import draw, rounded
from gradiometer.verification import verify

Gradient = Callable[..., torch.Tensor]
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Suspect:
    """A hand-derived gradient, right or wrong, and the data on which it is judged."""

    name: str
    is_right: bool
    problem: Problem
    size: int
    dtype: torch.dtype = torch.float64

    def inputs(self) -> Tensors:
        """Uniform data, seed 0, in the suspect's dtype."""
        drawn = draw(self.problem, self.problem.dims_at(self.size), "uniform", 0)
        assert drawn is not None
        return rounded(drawn, self.dtype)

    @property
    def wrt(self) -> str:
        """The only input that it has a gradient for."""
        (wrt,) = self.problem.wrts
        return wrt

    def by_hand(self, inputs: Tensors) -> torch.Tensor:
        """What the suspect returns."""
        form = self.problem.forms(self.wrt)["suspect"]
        return cast(torch.Tensor, form.call(**inputs))


def _with(problem: Problem, wrt: str, gradient: Gradient) -> Problem:
    return dataclasses.replace(problem, gradients={wrt: {"suspect": gradient}})


def _suspects() -> list[Suspect]:
    batch = PROBLEMS["linear_autoencoder_batch"]
    right: Gradient = batch.forms("W1")["factored"].call

    def scaled(X: Any, W1: Any, W2: Any) -> torch.Tensor:
        return right(X, W1, W2) * (1 + 9e-4)

    def entry_off(by: float) -> Gradient:
        def gradient(X: Any, W1: Any, W2: Any) -> torch.Tensor:
            found = right(X, W1, W2)
            factor = torch.ones_like(found)
            factor[0, 0] = 1 + by
            return found * factor

        return gradient

    def n_for_m(X: Any, W1: Any, W2: Any) -> torch.Tensor:
        return right(X, W1, W2) * float(X.shape[0] / X.shape[1])

    def zero(v: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(v)

    log_sum_exp = Problem(
        name="log_sum_exp",
        loss=lambda v: v.logsumexp(0),
        shapes={"v": "n"},
        dims={"n": 1.0},
        gradients={"v": {"suspect": zero}},
    )
    small = dataclasses.replace(
        batch,
        gradients={"W1": {"suspect": lambda X, W1, W2: right(X, W1, W2) + 1e-6}},
        sample=lambda data, dims, generator: {
            name: 2.0**-7 * torch.rand(shape, generator=generator, dtype=torch.float64)
            for name, shape in ((n, batch.shape_of(n, dims)) for n in batch.shapes)
        },
    )
    return [
        Suspect("right", True, _with(batch, "W1", right), 32),
        Suspect("right, in float32", True, _with(batch, "W1", right), 32, torch.float32),
        Suspect("right, in float16", True, _with(batch, "W1", right), 8, torch.float16),
        Suspect("scaled by 1 + 9·10⁻⁴", False, _with(batch, "W1", scaled), 32),
        Suspect("one entry of 512 off by 50 %", False, _with(batch, "W1", entry_off(0.5)), 32),
        Suspect("one entry off by 2⁻⁴⁰", False, _with(batch, "W1", entry_off(2.0**-40)), 32),
        Suspect("n for m, tried where they are equal", False, _with(batch, "W1", n_for_m), 32),
        Suspect("10⁻⁶ too much in every entry, small data", False, small, 32),
        Suspect("zero, of a log-sum-exp of 20 000", False, log_sum_exp, 20_000),
    ]


def _of_torch(suspect: Suspect, inputs: Tensors) -> torch.Tensor:
    asked = objective(suspect.problem, (suspect.wrt,), inputs)
    leaves = asked.leaves()
    return torch.autograd.grad(asked.loss(*leaves), leaves)[0]


def notebook(suspect: Suspect) -> bool:
    """‖by hand − jacobian‖_F < 10⁻⁵, in float32 unless the suspect is of another low precision."""
    inputs = suspect.inputs()
    if suspect.dtype == torch.float64:
        inputs = rounded(inputs, torch.float32)
    return bool(torch.linalg.norm((suspect.by_hand(inputs) - _of_torch(suspect, inputs)).double()) < 1e-5)


def _gradcheck(suspect: Suspect, fast_mode: bool) -> bool:
    inputs = suspect.inputs()

    class ByHand(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, at: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(at)
            return suspect.problem.loss(**{**inputs, suspect.wrt: at}).reshape(())

        @staticmethod
        def backward(ctx: Any, *cotangents: torch.Tensor) -> torch.Tensor:
            (at,) = ctx.saved_tensors
            return cotangents[0] * suspect.by_hand({**inputs, suspect.wrt: at})

    at = inputs[suspect.wrt].clone().requires_grad_()
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it wants float64 is what the table shows
        return torch.autograd.gradcheck(ByHand.apply, (at,), fast_mode=fast_mode, raise_exception=False)


def gradcheck(suspect: Suspect) -> bool:
    """torch.autograd.gradcheck with its defaults; entry by entry, so of small inputs only."""
    return _gradcheck(suspect, fast_mode=False)


def gradcheck_fast(suspect: Suspect) -> bool:
    """torch.autograd.gradcheck(fast_mode=True): one random direction."""
    return _gradcheck(suspect, fast_mode=True)


def _entrywise(tolerance: float) -> Callable[[Suspect], bool]:
    def accepts(suspect: Suspect) -> bool:
        inputs = suspect.inputs()
        x, y = suspect.by_hand(inputs).double(), _of_torch(suspect, inputs).double()
        return bool(((x - y).abs() / (x.abs() + y.abs()).clamp(min=1) <= tolerance).all())

    return accepts


def gradiometer(suspect: Suspect) -> bool:
    """The verdict of `gradiometer.verification`."""
    return all(verdict.is_right for verdict in verify(suspect.problem, suspect.wrt, "suspect"))


CRITERIA: dict[str, Callable[[Suspect], bool]] = {
    "notebook": notebook,
    "gradcheck": gradcheck,
    "gradcheck, fast": gradcheck_fast,
    "ADBench": _entrywise(1e-8),
    "GradBench": _entrywise(1e-4),
    "Gradiometer": gradiometer,
}


def judged() -> dict[str, tuple[bool, dict[str, bool]]]:
    """Suspect's name → whether it is right, and which criteria accept it."""
    return {
        suspect.name: (suspect.is_right, {name: accepts(suspect) for name, accepts in CRITERIA.items()})
        for suspect in _suspects()
    }


def main() -> None:
    """Print the table as Markdown; mistakes are bold."""
    torch.set_num_threads(1)
    print(f"| gradient | {' | '.join(CRITERIA)} |\n| --- |{' --- |' * len(CRITERIA)}")
    for name, (is_right, accepted) in judged().items():
        words = ["accepts" if accepts else "refuses" for accepts in accepted.values()]
        cells = [
            word if accepts == is_right else f"**{word}**"
            for word, accepts in zip(words, accepted.values(), strict=True)
        ]
        print(f"| {name} ({'right' if is_right else 'wrong'}) | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
