import dataclasses

import pytest
import torch

from gradiometer.problems import Problem, ProblemError, inputs
from gradiometer.problems.kinds import KINDS

DECLARED = {
    "integer 2*k": "m", "boolean": "m n", "one_hot": "m k", "simplex": "m k", "positive": "m", "interval -2 0.5": "m n",
    "symmetric": "2 n n", "positive_definite": "n n", "orthogonal": "m n", "unit": "m n", "complex": "m",
}  # fmt: skip
DIMS = ({"m": 13, "n": 7, "k": 5}, {"m": 1, "n": 1, "k": 1}, {"m": 3, "n": 40, "k": 70})
BOUND = 2**40


def declaring(declaration, shape, **changes):
    known = {
        "name": "declared", "loss": lambda x, w: w.sum(), "shapes": {"x": shape, "w": "n"}, "kinds": {"x": declaration},
        "dims": {"m": 2.0, "n": 1.0, "k": 0.5}, "gradients": {"w": {"ones": lambda w: torch.ones_like(w)}},
    }  # fmt: skip
    return Problem(**known | changes)


def test_every_kind_is_tried():
    assert {declaration.split()[0] for declaration in DECLARED} == set(KINDS)


@pytest.mark.parametrize(("declaration", "shape"), DECLARED.items())
def test_draws_meet_what_is_declared(declaration, shape):
    problem, kind = declaring(declaration, shape), KINDS[declaration.split()[0]]
    for dims in DIMS:
        arguments = {"integer": [2 * dims["k"]], "interval": [-2.0, 0.5]}.get(declaration.split()[0], [])
        for data in ("uniform", "normal"):
            x = inputs.draw(problem, dims, data, 0)["x"]
            assert x.dtype == kind.dtype
            assert x.shape == problem.shape_of("x", dims)
            assert kind.holds(x, *arguments)
            if x.numel() > 20:
                assert not torch.equal(x, inputs.draw(problem, dims, data, 1)["x"])


def test_equations_are_met_exactly():
    dims = DIMS[0]
    rows = inputs.draw(declaring("simplex", "m k"), dims, "uniform", 0)["x"]
    assert all(sum(map(torch.Tensor.item, row)) == 1 for row in rows)
    assert (inputs.rounded({"x": rows}, torch.float32)["x"].sum(-1) == 1).all()
    assert (rows > 0).all()
    for kind in ("symmetric", "positive_definite"):
        matrix = inputs.draw(declaring(kind, "n n"), dims, "normal", 0)["x"]
        assert torch.equal(matrix, matrix.T)


@pytest.mark.parametrize(("declaration", "shape"), DECLARED.items())
def test_whole_numbers_meet_equations_too(declaration, shape):
    drawn = inputs.integer_draws(declaring(declaration, shape), DIMS[0], torch.Generator().manual_seed(0), BOUND)
    if declaration in ("orthogonal", "unit"):
        assert drawn is None
        return
    x = drawn["x"]
    assert torch.equal(x, x.real.round() + 1j * x.imag.round() if x.is_complex() else x.to(torch.int64).to(x.dtype))
    if declaration == "simplex":
        assert (x.sum(-1) == 1).all()
    if shape.endswith("n n"):
        assert torch.equal(x, x.mT)
    assert float(drawn["w"].abs().max()) > BOUND / 8


def test_the_bits_of_declared_inputs_never_change():
    drawn = {d: inputs.draw(declaring(d, s), DIMS[0], "normal", 0)["x"] for d, s in DECLARED.items()}
    assert inputs.digest(drawn) == "f5a1298bbb0225d9"


def test_labels_and_masks_keep_their_dtype_in_every_case():
    labels = inputs.draw(declaring("integer k", "m"), DIMS[0], "uniform", 0)["x"]
    mask = inputs.draw(declaring("boolean", "m"), DIMS[0], "uniform", 0)["x"]
    turned = inputs.draw(declaring("complex", "m"), DIMS[0], "uniform", 0)["x"]
    found = inputs.rounded({"labels": labels, "mask": mask}, torch.bfloat16)
    assert torch.equal(found["labels"], labels)
    assert torch.equal(found["mask"], mask)
    assert inputs.rounded({"z": turned}, torch.float32)["z"].dtype == torch.complex64
    with pytest.raises(ProblemError, match="input z is complex"):
        inputs.rounded({"z": turned}, torch.float16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kinds": {"x": "stochastic"}}, "expected one of integer, boolean"),
        ({"kinds": {"x": 3}}, "expected one of integer, boolean"),
        ({"kinds": {"y": "boolean"}}, "kinds names 'y'; the inputs are w, x"),
        ({"kinds": "boolean"}, "expected kinds by input"),
        ({"kinds": {"x": "integer"}}, "expected 'integer k', found 'integer'"),
        ({"kinds": {"x": "integer q"}}, "dimension 'q' has no factor"),
        ({"kinds": {"x": "interval 1 0"}}, "the smaller one first"),
        ({"kinds": {"x": "interval 0 inf"}}, "expected two numbers"),
        ({"kinds": {"x": "simplex k"}}, "expected 'simplex', found 'simplex k'"),
        ({"kinds": {"x": "symmetric"}}, "symmetric needs two equal last dimensions"),
        ({"kinds": {"w": "orthogonal"}}, "orthogonal needs at least 2 dimension"),
        ({"kinds": {"w": "integer k"}}, "w is declared as integer k; only numbers have a derivative"),
    ],
)
def test_bad_declarations_are_refused_in_one_line(changes, message):
    with pytest.raises(ProblemError, match=message) as caught:
        dataclasses.replace(declaring("simplex", "m k"), **changes)
    assert "\n" not in str(caught.value)


def sampling(x, **changes):
    return declaring("simplex", "m k", sample=lambda data, dims, generator: {"x": x(dims)}, **changes)


def test_a_sampler_may_draw_labels_masks_and_complex_numbers():
    for dtype in (torch.int64, torch.bool, torch.complex128, torch.float64):
        problem = sampling(lambda dims, dtype=dtype: torch.ones(dims["m"], dims["k"]).to(dtype), kinds={})
        assert inputs.draw(problem, DIMS[0], "uniform", 0)["x"].dtype == dtype


@pytest.mark.parametrize(
    ("x", "changes", "message"),
    [
        (lambda dims: torch.ones(dims["m"], dims["k"]), {"kinds": {}}, "expected a float64, int64, bool or complex128"),
        (lambda dims: torch.ones(dims["m"], dims["k"]).long(), {}, "expected a float64 tensor"),
        (lambda dims: torch.ones(dims["m"], dims["k"]).double(), {}, "declared as simplex, and what sample returns is"),
        (
            lambda dims: torch.ones(dims["m"], dims["k"]).long(),
            {"kinds": {}, "gradients": {"x": {"ones": lambda x: x}}},
            "only float64 and complex128 have a derivative",
        ),
    ],
)
def test_a_sampler_that_does_not_fit_its_declaration_is_refused(x, changes, message):
    with pytest.raises(ProblemError, match=message):
        inputs.draw(sampling(x, **changes), DIMS[0], "uniform", 0)
