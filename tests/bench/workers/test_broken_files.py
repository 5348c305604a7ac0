"""Mistakes in a problem file: each gives one line without a traceback and affects nothing else."""

import contextlib
import io

import pytest

from gradiometer.cli import main

RIGHT = """
import torch
from gradiometer.problems import Problem

def loss(A, x):
    return ((A @ x) ** 2).sum() / 2

def gradient(A, x):
    return A.T @ (A @ x)

problem = Problem(
    name="NAME", loss=loss, shapes={"A": "m n", "x": "n"}, dims={"m": 2.0, "n": 1.0},
    gradients={"x": {"by_hand": gradient}},
)
"""

RETURN = "return A.T @ (A @ x)"
LOSS = "return ((A @ x) ** 2).sum() / 2"

BROKEN = {
    "syntax": ("def loss(A, x):", "def loss(A, x:", "importing it raised SyntaxError"),
    "missing_module": ("import torch\n", "import torch, nosuchmodule\n", "No module named 'nosuchmodule'"),
    "leaves": ("import torch\n", "import torch\nraise SystemExit\n", "importing it raised SystemExit"),
    "nameless": ("problem = Problem(", "mine = Problem(", "expected problem = Problem(…), found no such name"),
    "not_a_problem": ("problem = Problem(", "problem = dict(", "expected problem = Problem(…), found dict"),
    "taken": ('name="NAME"', 'name="linear_autoencoder"', "the name 'linear_autoencoder' is taken"),
    "spaced": ('name="NAME"', 'name="my problem"', "name 'my problem': expected letters"),
    "unknown_input": ("def loss(A, x):", "def loss(A, y, x):", "loss takes A, x, y, shapes has A, x"),
    "unknown_dimension": ('"m n"', '"m k"', "dimension 'k' has no factor in dims"),
    "negative_dimension": ('"m": 2.0', '"m": -2.0', "dims['m'] is -2.0; expected a positive number"),
    "unknown_wrt": ('gradients={"x"', 'gradients={"z"', "expected one or more different inputs out of A, x"),
    "unknown_argument": ("def gradient(A, x):", "def gradient(A, b, x):", "takes b; the inputs are A, x"),
    "misfit": (LOSS, "return (A @ A @ x).sum()", "only where m = n"),
    "vector_loss": (LOSS, "return A @ x", "expected a tensor of one element"),
    "python_loss": (LOSS, "return 1.0", "expected a tensor of one element, found float"),
    "branching_loss": (LOSS, "return (A @ x).sum() if (A @ x).sum() > 0 else x.sum()", "by_hand: wrong"),
    "another_shape": (RETURN, RETURN + ".reshape(-1, 1)", "expected shape ("),
    "another_dtype": (RETURN, "return (A.T @ (A @ x)).float()", "expected dtype torch.float64, found torch.float32"),
    "another_device": (RETURN, 'return (A.T @ (A @ x)).to("meta")', "expected device cpu, found meta"),
    "nothing_returned": (RETURN, "A.T @ (A @ x)", "expected a tensor, found NoneType"),
    "mutating": (RETURN, "x.mul_(2); " + RETURN, "by_hand"),
    "random": (RETURN, RETURN + " + 0 * torch.rand(len(x), dtype=x.dtype)", "by_hand draws random numbers"),
    "raising": (RETURN, "raise ArithmeticError('not done')", "not done"),
    "aborting": (RETURN, "import os; os.abort()", "signal 6"),
    "nan": (RETURN, RETURN + " * float('nan')", "wrong"),
    "zero": (RETURN, "return 0 * x", "wrong"),
}


@pytest.fixture(scope="module")
def verified(tmp_path_factory):
    """The exit status of `gradiometer verify` and what it prints."""
    folder = tmp_path_factory.mktemp("files")
    files = []
    for name, (sound, broken, _) in BROKEN.items():
        text = RIGHT.replace(sound, broken)
        assert text != RIGHT, name
        files.append(folder / f"{name}.py")
        files[-1].write_text(text.replace("NAME", name))
    (folder / "sound.py").write_text(RIGHT.replace("NAME", "sound"))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = main(["verify", *map(str, files), str(folder / "nosuch.py"), "nosuch", str(folder / "sound.py")])
    return code, printed.getvalue()


@pytest.mark.parametrize("name", BROKEN)
def test_each_mistake_is_named_in_one_line(verified, name):
    _, text = verified
    lines = [line for line in text.splitlines() if f"{name}.py" in line or line.startswith(f"{name} x by_hand")]
    assert len(lines) == 1
    assert BROKEN[name][2] in lines[0]


def test_a_sound_problem_beside_them_is_verified(verified):
    code, text = verified
    assert code == 2
    assert "Traceback" not in text
    assert "nosuch.py: no such file" in text
    assert "not usable: problem 'nosuch': expected one of linear_autoencoder" in text
    assert "sound x by_hand: proved" in text
    assert "aborting x torch.autograd.grad: proved" in text  # verified although the form ended the worker
