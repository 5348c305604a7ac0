import pytest
import torch

from gradiometer.accuracy.gradients import as_tuple
from gradiometer.methods import METHODS, objective, prepare_form
from gradiometer.problems import PROBLEMS, Form, Problem, ProblemError
from gradiometer.problems.inputs import draw, rounded

CELLS = [
    (problem, wrt, method)
    for problem in PROBLEMS.values()
    for wrt in problem.wrts
    for method in [*problem.forms(wrt), *(name for name, method in METHODS.items() if method.exists_on("cpu"))]
]


@pytest.mark.parametrize(("problem", "wrt", "method"), CELLS, ids=lambda value: getattr(value, "name", value))
def test_every_method_gives_the_gradient_of_every_problem(problem, wrt, method):
    inputs = draw(problem, dict(zip(sorted(problem.dims, reverse=True), (5, 6, 4, 3, 7), strict=False)), "normal", 0)
    names = problem.wrts[wrt]
    asked = objective(problem, names, inputs)
    truth = torch.func.grad(asked.loss, asked.argnums)(*asked.point)
    before = {name: tensor.clone() for name, tensor in inputs.items()}
    make = METHODS[method].prepare(asked) if method in METHODS else prepare_form(problem.forms(wrt)[method], inputs)
    for _ in range(2):  # methods are rebuilt, and called repeatedly
        call = make()
        call()
        found = as_tuple(call())
        assert len(found) == len(names)
        tolerance = 1e-8 if METHODS.get(method) and METHODS[method].family == "numeric" else 1e-13
        for one, other in zip(found, truth, strict=True):
            assert one.shape == other.shape
            assert float((one - other).norm() / other.norm()) < tolerance
    assert all(torch.equal(inputs[name], before[name]) for name in inputs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_forms_stay_in_the_dtype_of_their_inputs(problem, dtype):
    inputs = rounded(draw(problem, problem.dims_at(6), "uniform", 0), dtype)
    for wrt in problem.wrts:
        for form in problem.forms(wrt).values():
            assert {part.dtype for part in as_tuple(prepare_form(form, inputs)()())} == {dtype}


def test_a_form_that_takes_what_neither_inputs_nor_prepare_give_is_refused():
    problem = Problem(
        name="toy", loss=lambda x, y: (x * y).sum(), shapes={"x": "n", "y": "n"}, dims={"n": 1.0},
        gradients={"x": {"f": Form(call=lambda s, t: s, prepare=lambda y: {"s": y})}},
    )  # fmt: skip
    with pytest.raises(ProblemError, match="the form takes t, which neither the inputs nor prepare give"):
        prepare_form(problem.forms("x")["f"], draw(problem, {"n": 3}, "uniform", 0))()
