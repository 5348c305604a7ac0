"""Shapes as strings: one expression for each dimension, separated by spaces, as in `"m 4*k"`, `"d+k n"`, `"2*n+1"`.

An expression is a sum of products of dimension names and positive integers; `-` subtracts a product. There are no
parentheses and no spaces within an expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import prod

from gradiometer.errors import ProblemError

_PRODUCT = re.compile(r"(?:[A-Za-z][A-Za-z0-9_]*|[0-9]+)(?:\*(?:[A-Za-z][A-Za-z0-9_]*|[0-9]+))*")
_EXPRESSION = re.compile(rf"{_PRODUCT.pattern}(?:[+-]{_PRODUCT.pattern})*")
_TERM = re.compile(rf"([+-]?)({_PRODUCT.pattern})")


def _terms(expression: str) -> Iterator[tuple[int, list[str]]]:
    """The sign and the factors of each product."""
    for sign, product in _TERM.findall(expression):
        yield (-1 if sign == "-" else 1), product.split("*")


def check(shape: str, dims: Mapping[str, float], here: str) -> None:
    """Raise ProblemError unless each expression can be read and each of its names has a factor in `dims`.

    `here` begins the message.
    """
    if not isinstance(shape, str):
        raise ProblemError(f"{here}: shape {shape!r}: expected a string of dimensions, such as 'm n'")
    for expression in shape.split():
        if not _EXPRESSION.fullmatch(expression):
            raise ProblemError(
                f"{here}: dimension {expression!r}: expected names and integers joined by *, + and -, such as 2*n+1"
            )
        for _, factors in _terms(expression):
            for factor in factors:
                if factor.isdigit() and int(factor) == 0:
                    raise ProblemError(f"{here}: dimension {expression!r}: expected positive integers, found 0")
                if not factor.isdigit() and factor not in dims:
                    known = ", ".join(dims) or "none"
                    raise ProblemError(
                        f"{here}: dimension {factor!r} has no factor in dims (known: {known}); add it there"
                    )


def value_of(expression: str, dims: Mapping[str, int]) -> int:
    """The value of one expression. Raises ProblemError where it is not positive at these dimensions."""
    value = sum(
        sign * prod(int(factor) if factor.isdigit() else dims[factor] for factor in factors)
        for sign, factors in _terms(expression)
    )
    if value < 1:
        where = ", ".join(f"{name} = {dims[name]}" for name in dims if name in expression)
        raise ProblemError(f"dimension {expression} is {value} at {where}; expected at least 1")
    return value


def shape_at(shape: str, dims: Mapping[str, int]) -> tuple[int, ...]:
    """The shape at these dimensions. Raises ProblemError where a dimension is not positive."""
    return tuple(value_of(expression, dims) for expression in shape.split())
