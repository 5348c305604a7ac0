"""Studies run by `pytest --benchmark-only`, as a user runs them."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from gradiometer.storage import schema

TINY = """
processes = 2
budget_s = 0.2
timeout_s = 4.0
seeds = 2
[[grid]]
wrt = ["first"]
sizes = [4, 6]
devices = ["cpu"]
data = ["uniform", "near_optimum"]
"""

BROKEN = """
import os, time
import psutil, torch
from gradiometer.problems import Problem

def loss(A, b, x):
    return ((A @ x - b) ** 2).sum() / 2

def right(A, b, x):
    return A.T @ (A @ x - b)

def raises(A, b, x):
    raise ArithmeticError("the author was not done | <script>alert(1)</script>")

def is_timed(A):  # in float32 at the sizes of the study, and not while it is verified
    return A.dtype == torch.float32 and tuple(A.shape) in ((8, 4), (12, 6))

def exits(A, b, x):
    return os._exit(7) if is_timed(A) else right(A, b, x)

def hangs(A, b, x):
    return time.sleep(3600) if is_timed(A) else right(A, b, x)

def flat(A, b, x):
    return (A.T @ (A @ x - b)).reshape(-1, 1)

def twice(A, b, x):
    return 2 * A.T @ (A @ x - b)

def doubled(A, b, x):
    return (A.T @ (A @ x - b)).double()

def greedy(A, b, x):
    return torch.empty(2**44, dtype=x.dtype)

def hoards(A, b, x):
    held = [torch.empty(2**26, dtype=torch.uint8) for _ in range(psutil.virtual_memory().total // 2**25)]
    return A.T @ (A @ x - b)

problem = Problem(
    name="least_squares", loss=loss,
    shapes={"A": "m n", "b": "m", "x": "n"}, dims={"m": 2.0, "n": 1.0},
    gradients={"x": {f.__name__: f for f in (right, raises, exits, hangs, flat, twice, doubled, greedy, hoards)}},
    source="Golub & Van Loan, 5.3",
)
"""


DRAWLESS = """
from gradiometer.problems import Problem

problem = Problem(
    name="drawless", loss=lambda x: (x * x).sum(), shapes={"x": "n"}, dims={"n": 1.0},
    gradients={"x": {"by_hand": lambda x: 2 * x}},
    sample=lambda data, dims, generator: {} if data == "normal" else None,
)
"""


@dataclass(frozen=True)
class Broken:
    """One study of both files, and what pytest-benchmark wrote of it."""

    done: Any
    shown: dict[str, Any]

    def of(self, problem, table="cells"):
        frame = self.done.table(table)
        return frame[frame["problem"] == problem]


@pytest.fixture(scope="module")
def broken(tmp_path_factory, study_in):
    folder = tmp_path_factory.mktemp("broken")
    mine, drawless, json_file = folder / "mine.py", folder / "drawless.py", folder / "benchmark.json"
    mine.write_text(BROKEN)
    drawless.write_text(DRAWLESS)
    grid = TINY.replace('"near_optimum"', '"normal"')
    files = [f"--problem={mine}", f"--problem={drawless}", "-k", "not jac"]
    return Broken(study_in(folder, grid, *files, f"--benchmark-json={json_file}"), json.loads(json_file.read_text()))


EXPECTED = {
    "right": ("ok", ""),
    "raises": ("error", "ArithmeticError: the author was not done"),
    "exits": ("crashed", "its process ended with exit status 7 twice while calling exits"),
    "hangs": ("timeout", "ran past 4 s"),
    "flat": ("wrong", "expected shape (4,), found (4, 1)"),
    "twice": ("wrong", "the derivation is refuted: a factor 2 too many"),
    "doubled": ("wrong", "expected dtype torch.float32, found torch.float64"),
    "greedy": ("oom", ""),
    "hoards": ("oom", ""),  # twice the machine's memory, in pieces none of which is too large
}


@pytest.mark.parametrize("form", EXPECTED)
def test_a_broken_form_costs_its_own_cell_only(broken, form):
    cells = broken.of("least_squares")
    cell = cells[(cells["method"] == form) & (cells["size"] == 4)].iloc[0]
    status, reason = EXPECTED[form]
    assert cell["status"] == status, (cell["reason"], broken.done.text)
    assert reason in str(cell["reason"])
    generic = cells[(cells["family"] != "analytic") & (cells["size"] == 4)]
    assert set(generic["status"]) == {"ok"}
    assert generic["ratio"].notna().all()
    assert (generic["processes"] == 2).all()


def test_each_derivation_has_its_verdict_whatever_the_others_do(broken):
    verdicts = broken.of("least_squares", "derivations").set_index("form")["verdict"]
    assert verdicts.to_dict() == {
        "right": "proved", "torch.autograd.grad": "proved", "twice": "wrong", "flat": "wrong", "doubled": "proved",
        "raises": "unchecked", "exits": "proved", "hangs": "proved", "greedy": "unchecked",
        "hoards": "unchecked",
    }  # fmt: skip


def test_what_was_hopeless_at_a_smaller_size_is_not_started_again(broken):
    cells = broken.of("least_squares")
    larger = cells[cells["size"] == 6].set_index("method")
    assert larger.loc[["exits", "hangs", "greedy"], "status"].tolist() == ["skipped"] * 3
    assert larger.loc["hangs", "reason"] == "timeout at size 4, so not started at a larger one"
    assert larger.loc["right", "status"] == "ok"


def test_pytest_benchmark_shows_the_very_samples_of_the_run(broken):
    done, shown = broken.done, broken.shown
    samples = done.table("samples")
    of_cell = {b["extra_info"]["cell_id"]: b["stats"] for b in shown["benchmarks"]}
    cell = next(name for name in of_cell if name.endswith("-right"))
    recorded = samples[samples["cell_id"] == cell]["time_s"]
    assert sorted(of_cell[cell]["data"]) == sorted(recorded)
    assert len(recorded) >= 4


def test_a_problem_file_leaves_its_name_and_hash_in_the_run_but_no_path(broken):
    done = broken.done
    text = (done.folder / "run.json").read_text()
    description = json.loads(text)
    assert description["problems"]["least_squares"]["file"] == "mine.py"
    assert len(description["problems"]["least_squares"]["source_hash"]) == 64
    stripped = text.replace(json.dumps(description["command"], ensure_ascii=False), "")
    assert str(done.folder.parent) not in stripped


def test_a_problem_that_draws_no_uniform_data_has_the_reason_in_its_cells(broken):
    cells = broken.of("drawless")
    assert set(cells["status"]) == {"error"}
    (reason,) = set(cells["reason"])
    assert reason == "ProblemError: sample draws no uniform data, on which methods are timed; return at least {}"
    assert set(broken.of("drawless", "derivations")["verdict"]) <= {"proved", "exact"}


def last_lines(done):
    """The printed lines before the run folder's, back to the heading of the wrong gradients."""
    lines = done.text.rstrip().splitlines()
    end = next(place for place, line in enumerate(lines) if line.startswith("Time: "))
    assert len(lines) - end == 4  # the time, the run, the report's command and pytest's counts
    return lines[lines.index("Wrong gradients:") + 1 : end]


def test_wrong_gradients_are_diagnosed_in_the_last_lines_and_fail_the_session(broken):
    assert broken.done.code == 1
    wrong = last_lines(broken.done)
    assert {line.split(":")[0].split()[-1] for line in wrong} == {"flat", "twice", "doubled"}
    assert any("twice" in line and "a factor 2 too many" in line for line in wrong)
    lines = broken.done.text.splitlines()
    row = lines[next(place for place, line in enumerate(lines) if line.startswith("least_squares (")) + 1]
    assert "right" in row and "twice" not in row  # the best form is a right one
    failed = lines[lines.index("Failed:") : lines.index("Wrong gradients:")]
    for form in ("raises", "exits", "hangs"):
        assert any(form in line and EXPECTED[form][1] in line for line in failed)


def test_a_form_that_fails_is_a_failed_test_and_a_selection_brings_its_baseline(study, tmp_path):
    """Without capture, since a study must run so too."""
    problem = tmp_path / "mine.py"
    problem.write_text(re.sub(r"for f in \(.*\)\}\}", "for f in (right, raises)}}", BROKEN))
    asked = 'processes = 1\nbudget_s = 0.02\nseeds = 1\n[[grid]]\nsizes = [4, 6]\ndevices = ["cpu"]\ndata = ["uniform"]'
    chosen = ["-k", "n4 and (right or raises)", "-p", "no:capture"]
    done = study(asked, "--problem", str(problem), *chosen)
    assert done.code == 1
    assert "1 failed, 1 passed" in done.text and "Run (complete" in done.text
    cells = done.table("cells").set_index("method")
    assert sorted(cells.index) == ["autograd", "raises", "right"]
    assert cells.loc["right", "ratio"] > 0


PLANNED = """
processes = 2
budget_s = 0.05
seeds = 2
[[grid]]
problems = ["linear_autoencoder"]
wrt = ["first"]
sizes = [4]
dtypes = ["float32", "float64"]
devices = ["cpu"]
data = ["uniform", "near_optimum"]
[[grid]]
problems = ["linear_autoencoder"]
wrt = ["first"]
sizes = [4]
methods = ["textbook"]
devices = ["cpu"]
data = ["uniform"]
cache = ["cold"]
[[grid]]
problems = ["linear_autoencoder_batch"]
wrt = ["first"]
sizes = [4]
methods = ["gram_prepared"]
devices = ["cpu"]
data = ["uniform"]
cache = ["hot", "cold"]
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory, study_in):
    return study_in(tmp_path_factory.mktemp("planned"), PLANNED, "-k", "not jac")


def test_every_planned_cell_is_a_row_and_every_draw_is_scored(planned):
    done = planned
    cells, errors = done.table("cells"), done.table("errors")
    assert done.code == 0, done.text
    cells = cells[(cells["problem"] == "linear_autoencoder") & (cells["cache"] == "hot")]
    errors = errors[errors["cell_id"].isin(cells["cell_id"])]
    assert len(cells) == 2 * 7
    assert set(cells["status"]) == {"ok"}
    assert (cells[["flops", "bytes", "peak_memory_bytes"]] > 0).all(axis=None)
    (peak_rates,) = json.loads((done.folder / "run.json").read_text())["peak_rates"]
    assert (peak_rates["device"], peak_rates["threads"], peak_rates["numerics"]) == ("cpu", 1, "ieee")
    assert list(peak_rates["flops_per_s"]) == ["float32", "float64"]
    assert all(rate > 1e6 for name in ("flops_per_s", "bytes_per_s") for rate in peak_rates[name].values())
    assert len(errors) == len(cells) * 2 * 2
    of_dtype = errors.merge(cells[["cell_id", "dtype", "family", "size"]], on="cell_id")
    double = of_dtype[(of_dtype["dtype"] == "float64") & (of_dtype["family"] != "numeric")]
    assert double["rel_fro"].between(0, 1e-11).all()  # float64 is judged too
    single = of_dtype[(of_dtype["dtype"] == "float32") & (of_dtype["family"] != "numeric")]
    assert single["rel_fro"].between(0, 1e-3).all()  # near the optimum, where the gradient nearly cancels
    assert (single[single["data"] == "uniform"]["rel_fro"] < 1e-6).all()
    assert errors["reference"].eq("integer").all()
    assert (errors["reference_radius_ulp"] < 2.0**-20).all()
    assert (single["bwd_max_u"] < 20).all()  # whatever the condition of the problem
    bounded = of_dtype[of_dtype["family"] != "numeric"]["bound_share"]
    assert bounded.between(0, 1).all()
    assert of_dtype[of_dtype["family"] == "numeric"]["bound_share"].isna().all()
    same_inputs = errors[errors["cell_id"].str.contains("float32-cpu")].groupby(["data", "seed"])["input_hash"]
    sizes = errors["cell_id"].str.extract(r"-(n\d+)-")[0].nunique()
    assert (same_inputs.nunique() == sizes).all()


def test_cold_calls_are_cells_of_their_own_and_preparing_has_an_error(planned):
    cells = planned.table("cells")
    cells = cells[(cells["size"] == 4) & (cells["dtype"] == "float32")]
    cells = cells[cells["method"].isin(["textbook", "gram_prepared"])]
    times = cells.pivot(index=["problem", "method"], columns="cache", values="time_s")
    assert times[["cold", "hot"]].notna().all(axis=None)
    prepared = cells[cells["method"] == "gram_prepared"]
    assert len(prepared) and (prepared[["setup_s", "setup_log_se"]] > 0).all(axis=None)
    assert (prepared["setup_df"] == 1).all()  # two processes


def test_the_tables_have_the_columns_that_the_schema_promises(broken):
    for name, row in schema.TABLES.items():
        assert list(broken.done.table(name)) == list(schema.columns(row))
    assert not pd.isna(broken.done.table("segments")["overhead_s"]).any()
