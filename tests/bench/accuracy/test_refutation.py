"""Forms that leave torch have no graph, hence no bound. A second evaluation in float64 judges them."""

import pytest
import torch

from gradiometer.accuracy.gradients import bits_of
from gradiometer.accuracy.scoring import Gradient
from gradiometer.problems import load
from gradiometer.problems.inputs import draw, rounded
from gradiometer.storage.schema import TIMED_DATA, TIMED_SEED
from gradiometer.study.plan import Case
from gradiometer.verification.client import load_request
from gradiometer.workers.case_scoring import score_case
from gradiometer.workers.measured_case import MeasuredCase
from gradiometer.workers.processes import WorkerProcess
from gradiometer.workers.time_limits import LIMITS

TEXT = """
import numpy as np
import torch
from gradiometer import Problem

def opaque(function):
    return lambda x: torch.from_numpy(function(x.numpy()))

class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.from_numpy(x.detach().numpy() ** 3)
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * 3 * ctx.saved_tensors[0] ** 2

def cancelling(x):  # in float16, nothing is left
    return (3e4 + 3 * x * x) - 3e4

def in_half(x):
    return (3 * x.astype(np.float16) ** 2).astype(x.dtype)

def crashing(x):
    if x.dtype == np.float64:
        import os
        os._exit(3)
    return 2 * x * x

forms = {
    "right": opaque(lambda x: 3 * x * x), "cancelling": opaque(cancelling), "in_half": opaque(in_half),
    "twice_for_thrice": opaque(lambda x: 2 * x * x), "zero": opaque(lambda x: 0 * x),
}
crash_forms = {"crashing": opaque(crashing)}
zero_forms = {"right": opaque(lambda x: 0 * x), "roundings": opaque(lambda x: 1e-17 * x)}
problem = Problem(
    name="NAME", loss=LOSS, shapes={"x": "n"}, dims={"n": 1.0}, gradients={"x": FORMS},
)
"""
KINDS = {
    "certified": ("lambda x: (x ** 3).sum()", "forms"),
    "float64": ("lambda x: Cube.apply(x).sum()", "forms"),
    "crash": ("lambda x: (x ** 3).sum()", "crash_forms"),
    "zero": ("lambda x: (0.1 * Cube.apply(x) + 0.2 * Cube.apply(x) - 0.3 * Cube.apply(x)).sum()", "zero_forms"),
}
"""Kind of reference → loss and forms. The last gradient is zero but for roundings."""


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """scored(kind of reference, dtype) → status by form, all from one worker."""
    sources = {}
    for name, (loss, forms) in KINDS.items():
        file = tmp_path_factory.mktemp(name) / f"{name}.py"
        file.write_text(TEXT.replace("NAME", name).replace("LOSS", loss).replace("FORMS", forms))
        sources[name] = load(file)
    worker = WorkerProcess(load_request(sources.values(), []))

    def statuses(name, dtype):
        problem = sources[name].problem
        case = Case(problem, "x", 8, (), dtype, "cpu", 1, "ieee", "hot", (), (TIMED_DATA,), 1)
        inputs = rounded(draw(problem, case.dims, TIMED_DATA, TIMED_SEED), getattr(torch, dtype))
        forms = {one: form for one, form in problem.forms("x").items() if (one, dtype) != ("crashing", "float64")}
        measured = MeasuredCase("run", case, list(forms))
        for one, form in forms.items():
            measured.gradients[one] = [Gradient(bits_of(form.call(**inputs)))]
            measured.wall_s[one] = [1e-3]
        rows = score_case(measured, [worker], [], LIMITS)
        return {row.cell_id.removeprefix(f"{case.case_id}-"): row.status for row in rows}

    yield statuses
    worker.stop()


@pytest.mark.parametrize("reference", ["certified", "float64"])
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_wrong_forms_are_refuted_and_imprecise_ones_are_not(scored, reference, dtype):
    found = scored(reference, dtype)
    assert found.pop("twice_for_thrice") == found.pop("zero") == "wrong"
    assert "wrong" not in found.values()


def test_a_form_that_crashes_in_float64_is_not_judged(scored):
    assert scored("crash", "float16") == {"crashing": "ok"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_reference_that_consists_of_roundings_judges_nothing(scored, dtype):
    assert scored("zero", dtype) == {"right": "ok", "roundings": "ok"}
