import pytest
import torch
from flint import ctx

from gradiometer.problems import inputs
from gradiometer.verification import verify
from gradiometer.verification.constraints.points import refined_points
from gradiometer.verification.constraints.table import CONSTRAINTS
from gradiometer.verification.sample_points import Point
from tests.bench.verification.small_problems import make

EXACT = ("proved", "exact")
SQUARE = {"Q": "n n", "x": "n", "y": "n"}


def forms_of(problem):
    """Form → verdict, without torch's own."""
    return {one.form: one for one in verify(problem, seed=1) if "." not in one.form}


def softmax_loss(x, T):
    return -(T * torch.log_softmax(x, 1)).sum()


TARGET_FORMS = {
    "usual": lambda x, T: torch.softmax(x, 1) - T,
    "general": lambda x, T: torch.softmax(x, 1) * T.sum(1, keepdim=True) - T,
}


@pytest.mark.parametrize(
    ("kind", "expected"), [("simplex", {"usual": True}), ("one_hot", {"usual": True}), (None, {"usual": False})]
)
def test_a_form_that_needs_a_constraint_is_right_where_it_is_declared(kind, expected):
    kinds = {"T": kind} if kind else {}
    found = forms_of(make(softmax_loss, {"x": TARGET_FORMS}, {"x": "m k", "T": "m k"}, kinds=kinds))
    assert {form: one.is_right for form, one in found.items()} == expected | {"general": True}
    if kind is None:
        assert "right where the rows of T sum to 1; declare T as simplex" in found["usual"].diagnosis


def test_what_holds_for_symmetric_matrices_only_is_judged_on_them():
    def loss(S, x):
        return x @ S @ x

    forms = {"x": {"short": lambda S, x: 2 * S @ x, "general": lambda S, x: S @ x + S.T @ x}}
    forms["S"] = {"outer": lambda S, x: torch.outer(x, x), "doubled_off_diagonal": lambda S, x: _doubled(x)}
    shapes = {"S": "n n", "x": "n"}
    free, symmetric = (forms_of(make(loss, forms, shapes, kinds=kinds)) for kinds in ({}, {"S": "symmetric"}))
    assert {form for form, one in free.items() if one.is_right} == {"general", "outer"}
    assert "right where S is symmetric; declare S as symmetric" in free["short"].diagnosis
    assert {form for form, one in symmetric.items() if one.verdict == "proved"} == {"short", "general", "outer"}
    assert symmetric["doubled_off_diagonal"].verdict == "wrong"  # the derivative is that of a loss of free entries


def _doubled(x):
    both = 2 * torch.outer(x, x)
    return both - torch.diag(torch.diag(both)) / 2


@pytest.mark.parametrize("kind", ["orthogonal", "unit"])
def test_kinds_that_float64_cannot_meet_are_met_by_balls(kind):
    if kind == "orthogonal":
        forms = {"x": {"short": lambda Q, x, y: 2 * (x - Q.T @ y), "wrong": lambda Q, x, y: 2 * (x - Q @ y)}}
        problem = make(lambda Q, x, y: ((Q @ x - y) ** 2).sum(), forms, SQUARE, kinds={"Q": kind})
    else:
        forms = {
            "x": {
                "short": lambda Q, x, y: 2 * (x - Q * (Q @ x)) * y,
                "wrong": lambda Q, x, y: 2 * (x - Q * (Q @ x)) * y * (1 + 1e-15),
            }
        }
        loss = lambda Q, x, y: ((x - Q * (Q @ x)) ** 2).sum() * y  # noqa: E731
        problem = make(loss, forms, {"Q": "n", "x": "n", "y": ""}, kinds={"Q": kind})
    found = forms_of(problem)
    assert found["short"].verdict == "exact"
    assert found["wrong"].verdict == "wrong"


def drawn_by(draw):
    return lambda data, dims, generator: {"t": draw(torch.rand(dims["n"], generator=generator, dtype=torch.float64))}


@pytest.mark.parametrize(
    ("draw", "where"),
    [
        (lambda t: t / t.sum(), "where the entries of t sum to 1 exactly"),
        (lambda t: t / t.sum() * (1 + 2.0**-30), None),
        (lambda t: t, None),
    ],
)
def test_a_sampler_meets_a_constraint_to_rounding(draw, where):
    def loss(x, t):
        return -(t * torch.log_softmax(x, 0)).sum()

    forms = {"x": {"usual": lambda x, t: torch.softmax(x, 0) - t}}
    found = forms_of(make(loss, forms, {"x": "n", "t": "n"}, sample=drawn_by(draw)))["usual"]
    assert (found.verdict == "exact") == (where is not None)
    assert where is None or where in found.remarks


@pytest.mark.parametrize("constraint", [one for one in CONSTRAINTS if one.refine], ids=lambda one: one.words)
@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (2, 6, 4)])
def test_balls_meet_the_constraint_next_to_the_numbers(constraint, shape):
    if not constraint.fits(shape):
        return
    x = constraint.draw(shape, torch.Generator().manual_seed(0))
    noisy = x * (1 + 2.0**-52 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    assert constraint.holds(noisy)
    balls = constraint.refine(noisy)
    assert balls.shape == shape
    with ctx.workprec(1100):
        pairs = zip(balls.ravel(), noisy.ravel().tolist(), strict=True)
        assert max(float(abs(ball - value)) for ball, value in pairs) < 1e-14
        assert max(float(ball.rad()) for ball in balls.ravel()) < 1e-300
        if constraint.words.endswith("orthogonal"):
            short = balls if shape[-2] <= shape[-1] else balls.swapaxes(-1, -2)
            gaps = short @ short.swapaxes(-1, -2) - torch.eye(short.shape[-2]).numpy().astype(int)
            assert all(gap.contains(0) and gap.rad() < 1e-300 for gap in gaps.ravel())


def test_what_float64_meets_exactly_is_left():
    problem = make(lambda t, x: x.sum(), {"x": {"f": lambda x: x}}, {"t": "n n", "x": "n"}, kinds={"t": "symmetric"})
    point = Point("uniform", inputs.draw(problem, {"n": 5}, "uniform", 0))
    assert not list(refined_points(point, ("t",)))


def test_labels_and_masks_are_part_of_a_proof():
    def loss(x, y, keep):
        return (x[y] ** 2 * keep).sum()

    def right(x, y, keep):
        return torch.zeros_like(x).index_put((y,), 2 * x[y] * keep, accumulate=True)

    def no_mask(x, y):
        return torch.zeros_like(x).index_put((y,), 2 * x[y], accumulate=True)

    forms = {"x": {"right": right, "no_mask": no_mask}}
    shapes, dims = {"x": "k", "y": "m", "keep": "m"}, {"m": 2.0, "k": 1.0}
    declared = make(loss, forms, shapes, dims, kinds={"y": "integer k", "keep": "boolean"})
    sampled = make(loss, forms, shapes, dims, sample=lambda data, dims, generator: {
        "y": torch.randint(0, dims["k"], (dims["m"],), generator=generator),
        "keep": torch.randint(0, 2, (dims["m"],), generator=generator).bool()})  # fmt: skip
    for problem in (declared, sampled):
        found = forms_of(problem)
        assert found["right"].verdict in EXACT
        assert found["no_mask"].verdict == "wrong"


def test_complex_inputs_are_verified():
    def loss(z, w):
        return (z * w).abs().square().sum()

    forms = {
        "z": {"right": lambda z, w: 2 * z * w.abs().square(), "conjugate": lambda z, w: (2 * z * w.abs() ** 2).conj()}
    }
    found = forms_of(make(loss, forms, {"z": "n", "w": "n"}, kinds={"z": "complex", "w": "complex"}))
    assert found["right"].is_right
    assert found["conjugate"].verdict == "wrong"


def test_zeros_that_hide_a_mistake_are_no_constraint():
    def loss(q, x):
        return (torch.outer(q, q) * torch.outer(x, x)).sum() - (q * q * x * x).sum()

    def flipped(q, x):
        return -2 * q * ((q * x).sum() - q * x)

    problem = make(loss, {"x": {"flipped": flipped}}, {"q": "n", "x": "n"})
    (verdict,) = verify(problem, form="flipped", seed=3)
    assert verdict.verdict == "wrong"
    assert "one-hot" not in verdict.diagnosis
