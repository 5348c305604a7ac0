"""The file that `gradiometer new` writes: a correct problem, to be changed step by step."""

from __future__ import annotations

import re
from pathlib import Path

from gradiometer.errors import GradiometerError

TEMPLATE = '''"""What the loss is, where it is from, and how the gradient follows from it.

Check it: gradiometer verify {name}.py
"""

from gradiometer import Problem


def loss(A, b, x):  # inputs by name -> a scalar
    return ((A @ x - b) ** 2).sum() / 2


def gradient_x(A, b, x):
    return A.T @ (A @ x - b)


problem = Problem(
    name="{name}",
    loss=loss,
    shapes={{"A": "m n", "b": "m", "x": "n"}},
    dims={{"m": 2.0, "n": 1.0}},  # dimension = max(1, round(factor * size))
    kinds={{}},  # not free real numbers: {{"y": "integer n", "keep": "boolean", "T": "simplex"}}, see README
    gradients={{"x": {{"textbook": gradient_x}}}},
    source="",
)
'''


def write(name: str, folder: Path) -> str:
    """Write NAME.py into `folder`; returns a line with the next commands.

    Raises GradiometerError for a bad name, and where the file exists.
    """
    name = name.removesuffix(".py")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name):
        raise GradiometerError(f"name {name!r}: expected letters, digits and '_', a letter first, at most 64")
    path = folder / f"{name}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(name=name))
    except FileExistsError:
        raise GradiometerError(f"{path.name} exists; choose another name, or remove the file") from None
    return (
        f"wrote {path.name}; check it: gradiometer verify {path.name}; "
        f"measure it: pytest --benchmark-only --problem {path.name}"
    )
