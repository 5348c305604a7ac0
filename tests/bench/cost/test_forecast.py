"""Forecasts of a study's wall-clock time against those of the committed runs, which scored without a cache."""

import json
from pathlib import Path

import pytest

from gradiometer import problems
from gradiometer.cost import forecast
from gradiometer.study import grid, study_file
from gradiometer.study.study_file import Study

RUNS = sorted(Path(__file__).parents[3].glob("results/machines/*/run.json"))
LAPTOP = grid.Limits({"cpu": 8 * 10**9})


def planned(study, names=("linear_autoencoder",)):
    return grid.plan(study, {name: problems.shipped(name) for name in names}, LAPTOP)


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.parent.name)
def test_the_forecast_is_near_the_time_that_a_run_took(path):
    run = json.loads(path.read_text("utf-8"))
    plan = planned(Study.model_validate(run["study"]), run["problems"])
    predicted_s = forecast.study_s(plan, run["machine"]["usable_cores"])
    assert predicted_s == pytest.approx(run["clock"]["wall_s"], rel=0.3)


def test_scoring_counts_by_kinds_of_data_and_seeds_and_is_shared_by_the_workers():
    def seconds(seeds, cores=1):
        text = (
            f'processes = 2\nbudget_s = 0.2\nseeds = {seeds}\n[[grid]]\nsizes = [64]\ndtypes = ["float32", "float64"]\n'
        )
        return forecast.study_s(planned(study_file.parse(text, "many_draws")), cores)

    few, many, more = (seconds(seeds) for seeds in (2, 100, 198))
    assert more - many == pytest.approx(many - few, rel=0.05)
    assert many > 3 * few
    assert seconds(100, cores=2) - seconds(2, cores=2) == pytest.approx((many - few) / 2, rel=0.05)
