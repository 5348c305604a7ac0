from pathlib import Path

import pytest

from gradiometer.cost.forecast import Forecast
from gradiometer.problems import PROBLEMS, Problem, Source, shipped
from gradiometer.study import grid, study_file
from gradiometer.study.grid import Limits
from gradiometer.study.study_file import StudyError

SOURCES = {name: shipped(name) for name in PROBLEMS}
LAPTOP = Limits({"cpu": 16_000_000_000})
GRID = "[[grid]]\nsizes = [8]\n"


def test_unknown_names_are_refused_with_the_nearest_known_one():
    asked = study_file.parse(
        '[[grid]]\nsizes = [8]\nproblems = ["linear_autoencodr"]\nmethods = ["jacref"]\ndims = {q = 2.0}\n', "x"
    )
    with pytest.raises(StudyError) as caught:
        grid.plan(asked, SOURCES, LAPTOP)
    assert "x: grid[0].problems: found 'linear_autoencodr'; did you mean linear_autoencoder?" in str(caught.value)
    assert "x: grid[0].methods: found 'jacref'; did you mean jacrev?" in str(caught.value)
    assert "x: grid[0].dims: found 'q'; accepted: n, p, m" in str(caught.value)


@pytest.mark.parametrize("name", study_file.STUDIES)
def test_built_in_studies_are_valid_and_plan_unique_cells(name):
    plan = grid.plan(study_file.find(name), SOURCES, LAPTOP)
    assert len({cell.cell_id for cell in plan.cells}) == len(plan.cells) > 20
    assert {cell.case.problem.name for cell in plan.cells} <= set(PROBLEMS)


def planned(text, limits=LAPTOP, sources=SOURCES, **options):
    return grid.plan(study_file.parse(text, "x"), sources, limits, **options)


def status_of(plan, *parts):
    (cell,) = [cell for cell in plan.cells if all(part in f"-{cell.cell_id}-" for part in parts)]
    return cell.status, cell.reason


def test_cells_that_cannot_run_stay_in_the_plan_with_a_reason():
    plan = planned(
        '[[grid]]\nsizes = [8, 512]\nwrt = ["W1"]\ndevices = ["cpu", "cuda"]\nproblems = ["linear_autoencoder"]\n'
        'numerics = ["ieee", "tf32"]\n'
    )
    assert status_of(plan, "-n8-", "-cpu-", "-ieee-", "-jacfwd-")[0] == "ok"
    status, reason = status_of(plan, "-n512-", "-cpu-", "-ieee-", "-jacfwd-")
    assert (status, "predicted to need 70.1 GB, the machine has 16 GB free") == ("skipped", reason)
    status, reason = status_of(plan, "-n512-", "-cpu-", "-ieee-", "-central_difference-")
    assert status == "skipped"
    assert "the study's limit is 0.12 s" in reason
    assert status_of(plan, "-n8-", "-cuda-", "-ieee-", "-autograd-") == (
        "unsupported",
        "no cuda device on this machine",
    )
    assert status_of(plan, "-n8-", "-cpu-", "-tf32-", "-autograd-")[0] == "unsupported"


def test_auto_selects_the_devices_of_the_machine():
    text = '[[grid]]\nsizes = [8]\nmethods = ["autograd"]\n'
    assert {cell.case.device for cell in planned(text).cells} == {"cpu"}
    both = Limits({"cpu": 10**10, "cuda": 10**10})
    assert {cell.case.device for cell in planned(text, both).cells} == {"cpu", "cuda"}


def test_a_method_of_one_device_has_no_cells_on_another():
    both = Limits({"cpu": 10**10, "cuda": 10**10})
    plan = planned('[[grid]]\nsizes = [8]\nmethods = ["all"]\n', both)
    having = {"cpu": set(), "cuda": set()}
    for cell in plan.cells:
        having[cell.case.device].add(cell.method)
    assert having["cuda"] - having["cpu"] == {"cuda_graph"}
    assert having["cpu"] < having["cuda"]


def test_overridden_dimensions_are_part_of_the_case():
    plan = planned('[[grid]]\nsizes = [8]\nproblems = ["linear_autoencoder_batch"]\ndims = {m = 32.0}\n')
    cell = plan.cells[0]
    assert cell.case.dims == {"m": 256, "n": 8, "p": 4}
    assert cell.case.case_id.startswith("linear_autoencoder_batch-W1-n8_m256-float32-cpu-1t-ieee-hot")


def test_hot_and_cold_are_different_cases_and_are_forecast_separately():
    plan = planned(
        '[[grid]]\nsizes = [8, 16, 32]\nproblems = ["linear_autoencoder"]\nwrt = ["W1"]\ncache = ["hot", "cold"]\n'
    )
    cells = {(c.case.cache, c.case.size): c for c in plan.cells if c.method == "textbook"}
    assert cells["cold", 8].case.case_id.removesuffix("cold") == cells["hot", 8].case.case_id.removesuffix("hot")
    seen = Forecast()
    seen.note(cells["hot", 8], "ok", 1e-3)
    seen.note(cells["hot", 16], "timeout", None)
    assert seen.reason_to_skip(cells["hot", 32], plan.study)
    assert seen.reason_to_skip(cells["cold", 32], plan.study) is None


def test_a_study_applies_to_a_problem_that_it_does_not_name():
    toy = Problem(
        name="toy", loss=lambda x, y: (x * y).sum(), shapes={"x": "n", "y": "n"}, dims={"n": 1.0},
        gradients={"y": {"by_hand": lambda x: x}, ("x", "y"): {"by_hand": lambda x, y: (y, x)}},
    )  # fmt: skip
    sources = {"toy": Source(toy, Path("toy.py"), "0" * 64, is_shipped=False)}
    plan = grid.plan(study_file.find("quick"), sources, LAPTOP, problems_replaced=True)
    assert {(c.case.wrt, c.case.dtype) for c in plan.cells} >= {("y", "float16"), ("x+y", "float32")}
    assert ("x+y", "float16") not in {(c.case.wrt, c.case.dtype) for c in plan.cells}


def test_by_default_a_case_has_the_generic_kinds_of_data_and_its_problems_own():
    (own,) = {cell.case.data for cell in planned("[[grid]]\nsizes = [8]\n").cells}
    assert own == ("uniform", "normal", "near_optimum")
    toy = Problem(
        name="toy", loss=lambda x: (x * x).sum(), shapes={"x": "n"}, dims={"n": 1.0},
        gradients={"x": {"by_hand": lambda x: 2 * x}},
    )  # fmt: skip
    sources = {"toy": Source(toy, Path("toy.py"), "0" * 64, is_shipped=False)}
    assert {cell.case.data for cell in planned(GRID, sources=sources).cells} == {("uniform", "normal")}


def test_a_kind_of_data_must_exist_in_some_problem():
    toy = Problem(
        name="toy", loss=lambda x: (x * x).sum(), shapes={"x": "n"}, dims={"n": 1.0},
        gradients={"x": {"by_hand": lambda x: 2 * x}},
    )  # fmt: skip
    sources = SOURCES | {"toy": Source(toy, Path("toy.py"), "0" * 64, is_shipped=False)}
    plan = planned(GRID + 'data = ["near_optimum"]\n', sources=sources)
    assert {cell.case.data for cell in plan.cells} == {("near_optimum",)}
    with pytest.raises(StudyError, match=r"data: found 'near_optimun'; did you mean near_optimum\?"):
        planned(GRID + 'data = ["near_optimun"]\n')


def test_calls_that_smaller_sizes_predict_to_be_slow_are_skipped():
    plan = planned('[[grid]]\nsizes = [8, 16, 32, 64]\nproblems = ["linear_autoencoder"]\nwrt = ["W1"]\n')
    seen = Forecast()
    cells = {cell.case.size: cell for cell in plan.cells if cell.method == "textbook"}
    seen.note(cells[8], "ok", 1e-3)
    assert seen.reason_to_skip(cells[16], plan.study) is None
    for _ in range(2):  # a size may be measured twice
        seen.note(cells[16], "ok", 8e-3)
    assert seen.time_s(cells[32]) == pytest.approx(64e-3)
    assert seen.reason_to_skip(cells[32], plan.study) is None
    assert "predicted 0.51 s a call from smaller sizes" in seen.reason_to_skip(cells[64], plan.study)
