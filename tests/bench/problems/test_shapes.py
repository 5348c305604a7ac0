import pytest

from gradiometer.problems import ProblemError
from gradiometer.problems.shapes import check, shape_at

DIMS = {"m": 5, "n": 3, "k2": 2}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("", ()), ("m 4", (5, 4)), ("m 4*k2", (5, 8)), ("m+n 2*n+1", (8, 7)), ("m*n*k2", (30,)), ("m-n+1", (3,))],
)
def test_products_and_sums_of_dimensions(shape, expected):
    check(shape, DIMS, "here")
    assert shape_at(shape, DIMS) == expected


@pytest.mark.parametrize("shape", ["m q", "m+q", "2**n", "n/2", "(m+n)", "m+", "-n", "0*n", "n.", 3])
def test_other_expressions_are_refused(shape):
    with pytest.raises(ProblemError, match="here: ") as caught:
        check(shape, DIMS, "here")
    assert "\n" not in str(caught.value)


def test_a_dimension_that_is_not_positive_is_named():
    with pytest.raises(ProblemError, match="dimension n-m is -2 at m = 5, n = 3"):
        shape_at("n-m", DIMS)
