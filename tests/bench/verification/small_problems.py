"""Small problems for tests of verification."""

from gradiometer.problems import Problem
from gradiometer.verification import verify


def make(loss, forms, shapes, dims=None, **options):
    """A problem with a factor 1 for every dimension, unless `dims` says otherwise."""
    dims = dims or {token: 1.0 for shape in shapes.values() for token in shape.split() if not token.isdigit()}
    return Problem(name="small", loss=loss, shapes=shapes, dims=dims, gradients=forms, **options)


def first_verdict(problem, seed=0):
    """The verdict on the first form."""
    return verify(problem, seed=seed)[0]
