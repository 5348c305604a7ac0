"""Mistakes in a problem file: each gives one line without a traceback and affects nothing else."""

import pytest

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
    "misfit": (LOSS, "return (A @ A @ x).sum()", "not checked"),
    "vector_loss": (LOSS, "return A @ x", "expected a tensor of one element"),
    "python_loss": (LOSS, "return 1.0", "expected a tensor of one element, found float"),
    "branching_loss": (LOSS, "return (A @ x).sum() if (A @ x).sum() > 0 else x.sum()", "not checked"),
    "another_shape": (RETURN, RETURN + ".reshape(-1, 1)", "expected shape (7,), found (7, 1)"),
    "another_dtype": (RETURN, "return (A.T @ (A @ x)).float()", "expected dtype torch.float64, found torch.float32"),
    "another_device": (RETURN, 'return (A.T @ (A @ x)).to("meta")', "expected device cpu, found meta"),
    "nothing_returned": (RETURN, "A.T @ (A @ x)", "expected a tensor, found NoneType"),
    "mutating": (RETURN, "x.mul_(2); " + RETURN, "by_hand"),
    "random": (RETURN, RETURN + " + 0 * torch.rand(len(x), dtype=x.dtype)", "not checked"),
    "raising": (RETURN, "raise ArithmeticError('not done')", "not done"),
    "leaving": (RETURN, "import os; os._exit(3)", "its process ended with exit status 3"),
    "nan": (RETURN, RETURN + " * float('nan')", "wrong"),
    "zero": (RETURN, "return 0 * x", "wrong"),
}


@pytest.fixture(scope="module")
def verified(tmp_path_factory, run_bench):
    folder = tmp_path_factory.mktemp("files")
    files = []
    for name, (sound, broken, _) in BROKEN.items():
        text = RIGHT.replace(sound, broken)
        assert text != RIGHT, name
        files.append(folder / f"{name}.py")
        files[-1].write_text(text.replace("NAME", name))
    (folder / "sound.py").write_text(RIGHT.replace("NAME", "sound"))
    return run_bench("verify", *map(str, files), str(folder / "nosuch.py"), str(folder / "sound.py"))


@pytest.mark.parametrize("name", BROKEN)
def test_each_mistake_is_named_in_one_line(verified, name):
    lines = [
        line for line in verified.text.splitlines() if f"{name}.py" in line or line.startswith(f"{name} x by_hand")
    ]
    assert len(lines) == 1
    assert BROKEN[name][2] in lines[0]


def test_a_sound_problem_beside_them_is_verified(verified):
    assert verified.code == 2
    assert "Traceback" not in verified.text
    assert "nosuch.py: no such file" in verified.text
    assert "sound x by_hand: exact" in verified.text
