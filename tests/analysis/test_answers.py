"""The answers of the first screen, from runs whose truth is known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights.answers import answers, rightness
from gradiometer.analysis.scores import summarised
from gradiometer.storage import schema

ONE = "linear_autoencoder"


def told(them, topic):
    return [f"{it.answer}. {it.detail}" for it in them if it.topic.startswith(topic)]


def answered(frames, **changed):
    frames = dataclasses.replace(frames, **changed)
    return answers(frames.cells, frames.scores, frames.derivations)


def derivation(form, verdict, diagnosis=None, problem=ONE, wrt="W1"):
    blank = dict.fromkeys(schema.columns(schema.Derivation))
    row = {"problem": problem, "wrt": wrt, "form": form, "verdict": verdict, "diagnosis": diagnosis}
    return blank | row | {"digits": 307.3, "points": 10}


@pytest.fixture(scope="module")
def frames(run_folder):
    return analysis.load([run_folder])


@pytest.fixture(scope="module")
def small(make_run):
    """One problem and wrt, in float32, at one size."""
    return analysis.load([make_run(name="small", sizes=(8,), grids=((ONE, "W1", "float32"),))])


@pytest.fixture(scope="module")
def sample(frames):
    return answered(frames)[0]


def test_the_form_to_use_is_told_at_a_small_and_at_the_largest_size(sample):
    (small,), (large,) = (told(sample.choice, f"Use at n = {size}") for size in (32, 512))
    assert small.startswith("textbook. 5.") and "(W1)" in small and small.endswith("times as fast as autograd.")
    assert large.startswith(("factored. 1.7", "factored. 1.6"))


def test_the_slowest_form_is_a_trap_where_it_is_slower_than_autograd(sample):
    (trap,) = told(sample.choice, "Trap")
    assert trap.startswith("textbook at n = 512. 2") and trap.endswith("times autograd's time.")


def test_what_prepares_is_advised_with_its_price_and_its_alternative(frames):
    batch = answered(frames)[1]
    assert told(batch.choice, "Use at n = 512")[0].startswith("gram_prepared. ")
    alternative = told(batch.choice, "– with new data at every call")[-1]
    assert alternative.startswith("factored. ") and "preparing pays from" in alternative


def test_digits_are_of_those_that_the_dtype_holds(sample):
    assert sample.digits.columns["float32"] == "of 7.2"
    float32, float16 = (list(sample.digits.columns).index(name) for name in ("float32", "float16"))
    assert 6.0 < float(sample.digits.rows["n = 32"][float32]) <= 7.2
    assert sample.digits.rows["n = 512"][float16] == "not finite"


def test_where_a_dtype_overflows_the_loss_is_told_apart_from_the_gradient(frames):
    errors = frames.errors.merge(frames.cells[["cell_id", "size", "dtype"]], on="cell_id")
    lost = (errors["dtype"] == "float16") & (errors["size"] >= 128)
    sample = answered(frames, scores=summarised(frames.errors.assign(loss_finite=~lost.to_numpy())))[0]
    assert told(sample.rest, "Overflow") == ["float16. the loss from n = 128 on and the gradient from n = 512 on."]


def test_what_is_not_beaten_is_kept(make_run):
    def slow(problem, method, n):
        return {"textbook": 90e-6, "factored": 80e-6, "autograd": 50e-6}.get(method)

    run = make_run(name="slow", truth=slow, sizes=(8,), grids=((ONE, "W1", "float32"),))
    (answer,) = answered(analysis.load([run]))
    (use,) = told(answer.choice, "Use at n = 8")
    assert (
        use.startswith("keep autograd. the fastest form takes 1.") and "keep autograd" in answer.brief["smaller size"]
    )


def test_forms_not_told_apart_are_either_of_them(make_run):
    def twins(problem, method, n):
        return {"textbook": 10e-6, "factored": 10e-6, "gram": 30e-6, "autograd": 50e-6}.get(method)

    run = make_run(name="either", truth=twins, sizes=(8,), grids=((ONE, "W1", "float32"),))
    (answer,) = answered(analysis.load([run]))
    assert told(answer.choice, "Use at n = 8")[0].startswith("textbook or factored. ")


def test_a_refuted_form_is_never_advised(small):
    (before,) = answered(small)
    assert told(before.choice, "Use")[0].startswith("textbook. ")
    rows = pd.DataFrame([derivation("textbook", "wrong", "a factor 2 too many"), derivation("factored", "exact")])
    (answer,) = answered(small, derivations=rows)
    assert told(answer.choice, "Use")[0].startswith("factored. ")
    assert told(answer.choice, "Wrong, never use") == ["textbook. a factor 2 too many."]
    assert all(it.bad for it in answer.choice if it.topic.startswith("Wrong"))


def test_what_is_right_wrong_and_not_checked_is_told_apart():
    rows = [
        derivation("textbook", "exact"),
        derivation("textbook", "exact", wrt="W2"),
        derivation("factored", "wrong", "a factor 2 too many"),
        derivation("factored", "exact", wrt="W2"),
        derivation("torch", "exact"),
        derivation("fitted", "unchecked", "draws random numbers"),
    ]
    assert [f"{it.topic}: {it.answer}" for it in rightness(pd.DataFrame(rows))] == [
        "Right: textbook and factored (W2)",
        "Wrong, never use: factored (W1)",
        "Not checked: fitted",
    ]


def test_a_run_without_verdicts_says_so(small):
    (answer,) = answered(small)
    assert told(answer.choice, "Right") == ["not checked. This run has no verdict on a derivation."]


def test_an_interval_of_one_process_alone_decides_less(small):
    near = small.cells.assign(processes=1)
    forms = near["family"] == "analytic"
    near.loc[forms, ["ratio", "ratio_log_se", "ratio_df"]] = [0.97, 0.005, np.inf]
    (answer,) = answered(small, cells=near)
    assert told(answer.choice, "Use")[0].startswith("textbook, factored or autograd. not told apart")


@pytest.mark.parametrize("lost", ["forms", "times", "baseline", "scores"])
def test_whatever_lacks_there_is_an_answer(small, lost):
    cells = small.cells
    if lost == "forms":
        cells = cells[cells["family"] != "analytic"]
    elif lost == "times":
        cells = cells.assign(status="crashed", time_s=np.nan, ratio=np.nan)
    elif lost == "baseline":
        cells = cells[cells["method"] != "autograd"].assign(ratio=np.nan, ratio_log_se=np.nan)
    scores = small.scores.head(0) if lost == "scores" else small.scores
    (answer,) = answered(small, cells=cells, scores=scores)
    (use,) = told(answer.choice, "Use")
    said = {"forms": "no form. ", "times": "no form. ", "baseline": "textbook. 8.", "scores": "textbook. "}
    assert use.startswith(said[lost])
    assert (answer.digits is None) == (lost == "scores")


def test_every_configuration_and_shape_has_an_answer_of_its_own(small):
    both = pd.concat([small.cells, small.cells.assign(threads=2, case_id="other")])
    assert [it.where for it in answered(small, cells=both)] == [
        "float32, cpu, 1 thread, ieee, hot",
        "float32, cpu, 2 threads, ieee, hot",
    ]
