import pytest
import torch

from gradiometer.methods import METHODS
from gradiometer.problems import Form, Problem, ProblemError


def plain(**changes):
    known = {
        "name": "toy", "loss": lambda x: (x * x).sum(), "shapes": {"x": "n"}, "dims": {"n": 1.0},
        "gradients": {"x": {"by_hand": lambda x: 2 * x}},
    }  # fmt: skip
    return Problem(**known | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "my problem"}, "name 'my problem': expected letters"),
        ({"name": "../up"}, "expected letters"),
        ({"shapes": {}}, "shapes is empty"),
        ({"gradients": {}}, "gradients is empty"),
        ({"shapes": {"x": "n k"}}, r"dimension 'k' has no factor in dims \(known: n\)"),
        ({"shapes": {"x": "0"}}, "dimension '0': expected positive integers, found 0"),
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
        ({"gradients": {"x": {"f": lambda x: x}, ("x",): {"f": lambda x: (x,)}}}, "names an input twice"),
        ({"data": ("sparse",)}, "data names sparse, and no sample function draws it"),
        ({"data": "sparse", "sample": lambda *of: {}}, "expected a tuple of names"),
        ({"data": ("normal",), "sample": lambda *of: {}}, "expected a name of its own"),
        ({"data": ("all",), "sample": lambda *of: {}}, "expected a name of its own"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_line(changes, message):
    with pytest.raises(ProblemError, match=message) as caught:
        plain(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["torch", *METHODS, "Torch", "AUTOGRAD"])
def test_a_form_cannot_take_the_name_of_a_method(name):
    with pytest.raises(ProblemError, match=f"form name '{name}' is reserved"):
        plain(gradients={"x": {name: lambda x: 2 * x}})


def test_forms_whose_names_differ_only_by_case_are_refused():
    with pytest.raises(ProblemError, match="forms 'textbook' and 'TextBook' differ only by case"):
        plain(gradients={"x": {"textbook": lambda x: 2 * x, "TextBook": lambda x: x + x}})
