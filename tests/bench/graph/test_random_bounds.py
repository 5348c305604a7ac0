"""No worst-case bound is exceeded by random programs, over subnormal, ordinary and huge data."""

import random
from fractions import Fraction

import numpy as np
import pytest
import torch

from gradiometer.graph.arithmetic.enclosure import PrecisionError, in_balls
from gradiometer.graph.arithmetic.error_bounds import worst_case
from gradiometer.graph.trace import trace
from gradiometer.storage.schema import DTYPES

SIZE = 3
STEPS = {
    "mm": lambda a, b: a @ b,
    "transposed mm": lambda a, b: a.T @ b,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "square": lambda a, b: a**2,
    "scale": lambda a, b: 0.3 * a,
    "halve": lambda a, b: a / 2,
    "row sums": lambda a, b: a - b.sum(1, keepdim=True),
    "column means": lambda a, b: a * b.mean(0),
    "tanh": lambda a, b: torch.tanh(a),
    "exp": lambda a, b: torch.exp(-torch.tanh(a)) * b,
}
"""Every step takes two square matrices and returns one."""


def program_of(rng):
    """A function of three matrices that applies up to six random steps to random earlier values."""
    steps = [(rng.choice(list(STEPS)), rng.random(), rng.random()) for _ in range(rng.randint(1, 6))]

    def program(*inputs):
        values = list(inputs)
        for name, first, second in steps:
            picked = [values[int(place * len(values))] for place in (first, second)]
            values.append(STEPS[name](*picked))
        return values[-1]

    return program


def matrix_of(rng, dtype):
    """A random matrix whose entries lie in one of five ranges of the dtype, or in all of them, some of them zero."""
    form = DTYPES[dtype]
    top = int(np.log2(form.largest))
    ranges = [
        (form.min_exponent - form.precision + 1, form.min_exponent),
        (form.min_exponent // 2 - 4, form.min_exponent // 2 + 4), (-2, 2), (top // 2 - 4, top // 2 + 2), (top - 8, top),
    ]  # fmt: skip
    low, high = rng.choice([*ranges, (form.min_exponent, top)])
    numbers = [
        0.0 if rng.random() < 0.05 else np.ldexp(rng.uniform(-1, 1), rng.randint(low, high)) for _ in range(SIZE**2)
    ]
    return torch.tensor(numbers, dtype=torch.float64).to(getattr(torch, dtype)).reshape(SIZE, SIZE)


def shares(programs, draws, seed=0):
    """|error| / bound of every entry that has a bound, as numbers; (number of programs, number with a bound)."""
    rng = random.Random(seed)
    found, asked, bounded = [], 0, 0
    for _ in range(programs):
        program, dtype = program_of(rng), rng.choice(list(DTYPES))
        graph = None
        for _ in range(draws):
            asked += 1
            inputs = [matrix_of(rng, dtype) for _ in range(3)]
            graph = graph or trace(program, inputs)
            bounds = worst_case(graph, inputs, dtype)
            computed = program(*inputs)
            if bounds is None or not torch.isfinite(computed).all():
                continue
            try:
                (truth,) = in_balls(graph, inputs, lambda _, hi: 2.0**-80 * np.abs(hi) + 2.0**-1074).results
            except PrecisionError:
                continue
            bounded += 1
            columns = (computed.double().numpy(), truth.hi, truth.lo, truth.radius, bounds[0])
            for value, hi, lo, radius, bound in zip(*(np.ravel(column).tolist() for column in columns), strict=True):
                error = abs(Fraction(value) - Fraction(hi) - Fraction(lo)) - Fraction(radius)
                if error > 0:
                    found.append((float(error / Fraction(bound)) if bound else float("inf"), dtype, graph.code))
    return found, asked, bounded


@pytest.mark.parametrize(("programs", "draws"), [(6, 5), pytest.param(1000, 5, marks=pytest.mark.slow)])
def test_no_random_program_exceeds_its_bound(programs, draws):
    found, asked, bounded = shares(programs, draws)
    worst = max(found)
    print(f"{bounded} of {asked} programs have a bound; largest share {worst[0]:.3g}")
    assert bounded > 0.3 * asked
    assert worst[0] <= 1, worst


def test_a_small_factor_before_a_huge_one_keeps_its_bound():
    """The error of a product of a subnormal and a huge matrix: u times the subnormal one alone would be zero."""
    small, huge = torch.full((2, 2), 3e-323, dtype=torch.float64), torch.full((2, 2), 1e307, dtype=torch.float64) / 3
    for operands in ((small, huge), (huge, small)):
        (bound,) = worst_case(trace(torch.mm, list(operands)), list(operands), "float64")
        product = float((operands[0] @ operands[1])[0, 0])
        assert bound.min() >= 2**-53 * product
