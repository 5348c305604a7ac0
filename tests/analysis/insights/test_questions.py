"""Kinds and numbers of insights, from runs whose truth is known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights.correctness import correctness, unusual
from gradiometer.analysis.insights.coverage import coverage
from gradiometer.analysis.insights.launch_bound import launch_bound
from gradiometer.analysis.insights.overflow import overflow
from gradiometer.analysis.insights.precision import beyond_bound, digits, errors
from gradiometer.analysis.insights.questions import insights
from gradiometer.analysis.insights.recommendation import against_jacobian, recommendation
from gradiometer.analysis.insights.slowdown import slowdown
from gradiometer.analysis.insights.view import view_of
from gradiometer.analysis.scores import summarised
from gradiometer.storage import schema

ONE, BATCH = "linear_autoencoder", "linear_autoencoder_batch"


def derivations(**verdicts):
    """Derivation rows of ONE's W1: form = (verdict, diagnosis)."""
    blank = dict.fromkeys(schema.columns(schema.Derivation))
    rows = [
        blank | {"problem": ONE, "wrt": "W1", "form": form, "verdict": verdict, "diagnosis": why}
        for form, (verdict, why) in verdicts.items()
    ]
    return pd.DataFrame(rows).assign(digits=307.3, points=10)


@pytest.fixture(scope="module")
def frames(run_folder):
    return analysis.load([run_folder])


@pytest.fixture(scope="module")
def small(make_run):
    """One problem and wrt, in float32, at one size; textbook is faster than factored, both than autograd."""
    return analysis.load([make_run(name="small", sizes=(8,), grids=((ONE, "W1", "float32"),))])


def found(question, frames, problem=ONE, wrt="W1", **changed):
    them = question(view_of(dataclasses.replace(frames, **changed)))
    return [it for it in them if it.where is None or (it.where.problem, it.where.wrt) == (problem, wrt)]


def ranges(insight):
    return [(it.size_from, it.size_to, it.forms) for it in insight.numbers["ranges"]]


def test_the_fastest_form_is_recommended_by_size_with_its_speedup(frames):
    (use,) = found(recommendation, frames)
    assert ranges(use) == [(8, 32, ("textbook",)), (128, 512, ("factored",))]
    assert {it.decisions for it in use.numbers["ranges"]} == {("faster", "faster")}
    truth = (50e-6 + 3e-10 * 512**2) / (10e-6 + 2.5e-10 * 512**2)
    assert use.numbers["ranges"][-1].speedups[1] == pytest.approx(truth, rel=0.03)


def test_a_form_that_prepares_is_recommended_beside_the_forms_for_new_data(frames):
    use, new_data = found(recommendation, frames, problem=BATCH)
    assert (use.kind, ranges(use)[-1][2]) == ("use", ("gram_prepared",))
    assert (new_data.kind, ranges(new_data)[-1][2]) == ("use_new_data", ("factored",))


def test_forms_without_a_significant_difference_are_recommended_together(make_run):
    def twins(problem, method, n):
        return {"textbook": 10e-6, "factored": 10e-6, "gram": 30e-6, "autograd": 50e-6}.get(method)

    run = make_run(name="twins", truth=twins, sizes=(8, 32), grids=((ONE, "W1", "float32"),))
    ((start, stop, forms),) = ranges(*found(recommendation, analysis.load([run])))
    assert (start, stop, set(forms)) == (8, 32, {"textbook", "factored"})


def test_a_form_that_is_slower_than_autograd_has_that_decision(make_run):
    def slow(problem, method, n):
        return {"textbook": 90e-6, "factored": 80e-6, "autograd": 50e-6}.get(method)

    run = make_run(name="slow", truth=slow, sizes=(8,), grids=((ONE, "W1", "float32"),))
    (use,) = found(recommendation, analysis.load([run]))
    assert ranges(use) == [(8, 8, ("factored",))]
    assert use.numbers["ranges"][0].decisions == ("slower", "slower")


def test_noise_decides_nothing(small):
    """An interval from 5e-9 to 6e6 around a ratio of 0.17 is no claim, whatever its middle is."""
    noisy = small.cells.assign(ratio_log_se=9.0)
    (use,) = found(recommendation, small, cells=noisy)
    assert use.numbers["ranges"][0].decisions == ("undecided", "undecided")
    assert set(use.numbers["ranges"][0].forms) == {"textbook", "factored"}
    assert found(slowdown, small, cells=noisy) == []
    kinds = {it.kind: it.numbers for it in found(coverage, small, cells=noisy)}
    assert kinds["noisy"]["undecided"] == kinds["noisy"]["compared"] == len(noisy) - 1


def test_where_one_ratio_is_missing_forms_are_ranked_by_time(small):
    """Textbook takes 8 µs and factored 10 µs: a ratio of 0.2 must not be compared with 8e-6 seconds."""
    lacking = small.cells["method"] == "factored"
    cells = small.cells.assign(ratio=small.cells["ratio"].mask(lacking), time_s=small.cells["time_s"])
    (use,) = found(recommendation, small, cells=cells)
    assert ranges(use) == [(8, 8, ("textbook",))]
    quick = cells.assign(time_s=cells["time_s"].mask(lacking, 1e-6))
    assert ranges(*found(recommendation, small, cells=quick)) == [(8, 8, ("factored",))]


@pytest.mark.parametrize("lost", ["forms", "times", "times of forms", "baseline", "scores"])
def test_every_question_has_an_answer_whatever_is_missing(small, lost):
    cells = small.cells
    if lost == "forms":
        cells = cells[cells["family"] != "analytic"]
    elif lost.startswith("times"):
        untimed = (lost == "times") | (cells["family"] == "analytic")
        names = ["time_s", "ratio"]
        cells = cells.assign(status=cells["status"].mask(untimed, "crashed"), **cells[names].mask(untimed))
    elif lost == "baseline":
        cells = cells[cells["method"] != "autograd"].assign(ratio=np.nan, ratio_log_se=np.nan)
    scores = small.scores.head(0) if lost == "scores" else small.scores
    kinds = {it.kind for it in found(insights, small, cells=cells, scores=scores)}
    assert ("use" in kinds) == (lost in ("baseline", "scores"))
    assert ("no_form" in kinds) == (lost == "times of forms")
    assert ("digits" in kinds) == (lost != "scores")


def test_verdicts_are_apart_and_a_form_without_one_is_not_checked(small):
    rows = derivations(textbook=("exact", None), fitted=("unchecked", "draws random numbers"), torch=("exact", None))
    kinds = {it.numbers["form"]: it.kind for it in found(correctness, small, derivations=rows)}
    assert kinds == {"textbook": "right", "fitted": "not_checked", "factored": "not_checked"}
    (wrong,) = found(correctness, small, derivations=derivations(textbook=("wrong", "off by 2")))[:1]
    assert (wrong.kind, wrong.numbers["reason"]) == ("wrong", "off by 2")
    assert [it.kind for it in found(correctness, small)] == ["no_verdicts"]


def test_a_right_form_with_something_unusual_is_named(small):
    noted = small.cells.assign(reason=small.cells["reason"].mask(small.cells["method"] == "textbook", "one buffer"))
    rows = derivations(textbook=("proved", None), factored=("proved", None))
    (named,) = found(unusual, small, cells=noted, derivations=rows)
    assert named.numbers == {"form": "textbook", "reason": "one buffer"}
    (use,) = found(recommendation, small, cells=noted, derivations=rows)
    assert ranges(use) == [(8, 8, ("factored",))]


def test_a_wrong_form_is_never_recommended_and_an_unchecked_one_is_marked(small):
    rows = derivations(textbook=("wrong", "off by 2"), factored=("exact", None))
    (use,) = found(recommendation, small, derivations=rows)
    assert ranges(use) == [(8, 8, ("factored",))] and use.numbers["ranges"][0].unchecked == ()
    rows = derivations(textbook=("unchecked", "no trace"), factored=("exact", None))
    (use,) = found(recommendation, small, derivations=rows)
    assert use.level == "warning" and use.numbers["ranges"][0].unchecked == ("textbook",)


@pytest.mark.parametrize("error", [0.51, 1.0])
def test_an_unchecked_form_with_the_error_of_a_wrong_one_is_not_recommended(small, error):
    is_textbook = small.scores["cell_id"].str.endswith("-textbook")
    scores = small.scores.assign(rel_fro=small.scores["rel_fro"].mask(is_textbook, error))
    rows = derivations(textbook=("unchecked", "no trace"), factored=("unchecked", "no trace"))
    kinds = {it.numbers["form"]: it for it in found(correctness, small, derivations=rows, scores=scores)}
    assert (kinds["textbook"].kind, kinds["factored"].kind) == ("wrong", "not_checked")
    assert kinds["textbook"].numbers["measured_error"] == error
    (use,) = found(recommendation, small, derivations=rows, scores=scores)
    assert use.numbers["ranges"][0].forms == ("factored",)


def test_a_slowdown_is_the_largest_and_only_where_it_is_significant(frames):
    (textbook,) = found(slowdown, frames)
    assert (textbook.numbers["form"], textbook.numbers["size"], textbook.level) == ("textbook", 512, "bad")
    assert textbook.numbers["is_excessive"] and textbook.numbers["low"] < 23 < textbook.numbers["high"]
    assert {it.numbers["form"] for it in found(slowdown, frames, problem=BATCH)} == {"textbook", "gram"}


def test_jacobian_is_compared_with_the_fastest_form(frames):
    (jacobian,) = found(against_jacobian, frames)
    assert jacobian.numbers["sizes"] == [8, 32, 128, 512]
    assert jacobian.numbers["times"][0] == pytest.approx(77e-6 / 8e-6, rel=0.03)


def test_digits_and_errors_are_of_finite_gradients(frames):
    by_dtype = {it.where.dtype: it.numbers for it in found(digits, frames)}
    assert by_dtype["float16"]["size_to"] == 128 and by_dtype["float32"]["size_to"] == 512
    assert 6 < by_dtype["float32"]["last"] <= by_dtype["float32"]["held"] == pytest.approx(7.22, abs=0.01)
    (ranked,) = found(errors, frames)
    assert ranked.numbers["methods"][-1]["method"] == "textbook"


def with_errors(frames, is_changed, **values):
    rows = frames.errors.merge(frames.cells[["cell_id", "method", "dtype", "size"]], on="cell_id")
    changed = is_changed(rows)
    errors = frames.errors.reset_index(drop=True)
    return summarised(errors.assign(**{name: errors[name].mask(changed, it) for name, it in values.items()}))


def test_overflow_of_the_loss_is_apart_from_that_of_the_gradient(frames):
    lost = with_errors(frames, lambda rows: (rows["dtype"] == "float16") & (rows["size"] >= 128), loss_finite=False)
    them = found(overflow, frames, scores=lost)
    assert {(it.kind, it.numbers.get("method"), tuple(it.numbers["sizes"])) for it in them} == {
        ("loss_overflow", None, (128, 512)),
        *(("overflow", method, (512,)) for method in ("textbook", "factored", "autograd")),
    }
    assert {it.where.dtype for it in them} == {"float16"}


def test_a_zero_gradient_with_a_true_one_that_is_not_zero_is_a_failure(frames):
    def is_changed(rows):
        return (rows["dtype"] == "float16") & (rows["method"] == "factored") & (rows["size"] == 32)

    zero = with_errors(frames, is_changed, rel_fro=1.0, n_underflow=64)
    (zeros,) = [it for it in found(overflow, frames, scores=zero) if it.kind == "zeros"]
    assert (zeros.numbers["method"], zeros.numbers["sizes"], zeros.level) == ("factored", [32], "bad")
    assert not zeros.numbers["to_largest"]


def test_a_finite_gradient_without_an_error_does_not_overflow(frames):
    """If the true gradient is zero and the computed one is not, there is no relative error, but nothing overflows."""
    no_error = with_errors(frames, lambda rows: rows["dtype"] == "float32", rel_fro=None, digits=None)
    assert {it.where.dtype for it in found(overflow, frames, scores=no_error)} == {"float16"}
    assert "float32" not in {it.where.dtype for it in found(digits, frames, scores=no_error)}


def test_only_a_share_above_one_of_the_bound_is_a_bug(small):
    for share, count in ((0.99, 0), (1.01, len(small.scores["cell_id"].unique()))):
        assert len(found(beyond_bound, small, scores=small.scores.assign(bound_share=share))) == count


def test_what_was_not_measured_is_counted(frames):
    (insight,) = coverage(view_of(frames))
    assert insight.numbers["statuses"] == {"skipped": 32, "unsupported": 4}
    assert insight.numbers["ok"] + 36 == insight.numbers["planned"] == len(frames.cells)
    alone = dataclasses.replace(frames, cells=frames.cells.assign(processes=1))
    assert "one_process" in {it.kind for it in coverage(view_of(alone))}


@pytest.mark.parametrize(
    ("excess", "expected"),
    [((12.0, 6.0, 1.1, 1.0), [8, 32]), ((1.1, 1.0, 1.2, 1.0), None), ((2.0, 1.0, 1.0, 1.5), [8, 512])],
)
def test_the_sizes_at_which_launches_set_the_time_are_listed(frames, excess, expected):
    by_size = dict(zip((8, 32, 128, 512), excess, strict=True))
    cells = frames.cells.assign(device_time_s=frames.cells["time_s"] / frames.cells["size"].map(by_size))
    them = {it.numbers["method"]: it.numbers["sizes"] for it in found(launch_bound, frames, cells=cells)}
    assert them == ({} if expected is None else {"autograd": expected, "the fastest form": expected})
    assert found(launch_bound, frames) == []  # without a device clock
