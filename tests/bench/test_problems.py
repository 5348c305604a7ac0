import pytest
import torch

from gradiometer.accuracy.gradients import as_tuple
from gradiometer.methods import METHODS, objective, prepare_form
from gradiometer.problems import PROBLEMS, Form, Problem, ProblemError, load
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
    for _ in range(2):  # a callable is called again and again, and rebuilt
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


def plain(**changes):
    known = {
        "name": "toy", "loss": lambda x: (x * x).sum(), "shapes": {"x": "n"}, "dims": {"n": 1.0},
        "gradients": {"x": {"by_hand": lambda x: 2 * x}},
    }  # fmt: skip
    return Problem(**known | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "my problem"}, "name 'my problem': expected letters"),
        ({"name": "../up"}, "expected letters"),
        ({"shapes": {}}, "shapes is empty"),
        ({"gradients": {}}, "gradients is empty"),
        ({"shapes": {"x": "n k"}}, r"dimension 'k' has no factor in dims \(known: n\)"),
        ({"shapes": {"x": "0"}}, "dimension '0' has no factor"),
        ({"dims": {"n": -1.0}}, r"dims\['n'\] is -1.0; expected a positive number"),
        ({"loss": lambda y: y.sum()}, "loss takes y, shapes has x; name the same inputs"),
        ({"loss": lambda *x: x[0]}, "is not a plain name"),
        ({"loss": torch.sum}, "wrap it in a def"),
        ({"gradients": {"y": {"f": lambda x: x}}}, "expected one or more different inputs out of x"),
        ({"gradients": {("x", "x"): {"f": lambda x: x}}}, "different inputs"),
        ({"gradients": {"x": lambda x: x}}, "expected forms by name"),
        ({"gradients": {"x": {"by hand": lambda x: x}}}, "form name 'by hand'"),
        ({"gradients": {"x": {"f": lambda x, z: x}}}, "takes z; the inputs are x"),
        ({"gradients": {"x": {"f": Form(lambda s: s, lambda x: {"s": x})}}}, "prepare takes x; it may take nothing"),
    ],
)
def test_what_a_user_hands_in_is_checked_in_one_line(changes, said):
    with pytest.raises(ProblemError, match=said) as caught:
        plain(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import nosuchmodule", "importing it raised ModuleNotFoundError"),
        ("def f(:", "importing it raised SyntaxError"),
        ("raise SystemExit(3)", "importing it raised SystemExit"),
        ("x = 1", "expected problem = Problem(…), found no such name"),
        ("problem = 7", "found int"),
    ],
)
def test_a_file_that_defines_no_problem_is_told_in_one_line(tmp_path, content, said):
    file = tmp_path / "mine.py"
    file.write_text(content)
    with pytest.raises(ProblemError) as caught:
        load(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_shipped_name_is_refused_and_a_changed_file_noticed(tmp_path):
    file = tmp_path / "mine.py"
    text = (
        "from gradiometer.problems import Problem\nproblem = Problem(name={!r}, loss=lambda x: x.sum(), shapes={{'x': 'n'}}, "
        "dims={{'n': 1.0}}, gradients={{'x': {{'f': lambda x: x / x}}}})\n"
    )
    file.write_text(text.format("linear_autoencoder"))
    with pytest.raises(ProblemError, match="taken by a shipped problem; choose another"):
        load(file)
    file.write_text(text.format("mine"))
    source = load(file)
    file.write_text(text.format("mine") + "# changed\n")
    with pytest.raises(ProblemError, match="changed while the study was running"):
        load(file, source.sha256)


def test_a_form_that_lacks_what_prepare_does_not_give_is_told():
    toy = plain(
        shapes={"x": "n", "y": "n"}, loss=lambda x, y: (x * y).sum(),
        gradients={"x": {"f": Form(call=lambda s, t: s, prepare=lambda y: {"s": y})}},
    )  # fmt: skip
    with pytest.raises(ValueError, match="the form takes t, which neither the inputs nor prepare give"):
        prepare_form(toy.forms("x")["f"], draw(toy, {"n": 3}, "uniform", 0))()
