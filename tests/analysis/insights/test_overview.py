"""The overview of runs whose truth is known: verdicts, the best form at both ends, digits, overflow, zeros."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights.overview import overview
from gradiometer.analysis.scores import summarised
from gradiometer.storage import schema

ONE = "linear_autoencoder"


def derivations(**verdicts):
    """Derivation rows of ONE's W1, form=verdict."""
    blank = dict.fromkeys(schema.columns(schema.Derivation))
    rows = [blank | {"problem": ONE, "wrt": "W1", "form": form, "verdict": it} for form, it in verdicts.items()]
    return pd.DataFrame(rows).assign(digits=307.3, points=10)


@pytest.fixture(scope="module")
def frames(make_run):
    grids = ((ONE, "W1", "float32"), (ONE, "W1", "float16"))
    return analysis.load([make_run(name="overview", sizes=(8, 128, 512), grids=grids)])


def one(frames, **changed):
    (row,) = overview(dataclasses.replace(frames, **changed))
    return row


def with_errors(frames, method, dtype="float32", **values):
    """`frames` with columns of `errors` replaced for one method in one dtype."""
    of_cell = frames.cells.set_index("cell_id").loc[frames.errors["cell_id"], ["method", "dtype"]].to_numpy()
    kept = (of_cell == [method, dtype]).all(axis=1)
    errors = frames.errors.assign(**{name: frames.errors[name].mask(kept, it) for name, it in values.items()})
    return dataclasses.replace(frames, scores=summarised(errors))


def test_the_fastest_form_at_the_smallest_and_the_largest_size_with_its_speedup(frames):
    small, large = one(frames).best
    assert (small.size, small.form, small.decision) == (8, "textbook", "faster")
    assert (large.size, large.form, large.decision) == (512, "factored", "faster")
    truth = (50e-6 + 3e-10 * 512**2) / (10e-6 + 2.5e-10 * 512**2)
    assert large.interval[0] < truth < large.interval[1]
    assert large.speedup == pytest.approx(truth, rel=0.03)


def test_a_claim_needs_a_decision(frames):
    noisy = frames.cells.assign(ratio_log_se=10.0)
    for best in one(frames, cells=noisy).best:
        assert best.decision == "undecided" and {best.form, *best.ties} == {"textbook", "factored"}


def test_verdicts_are_counted_and_a_wrong_form_is_never_best(frames):
    row = one(frames, derivations=derivations(textbook="wrong", factored="exact"))
    assert row.evidence == {"exact": 1, "wrong": 1}
    assert list(row.wrong) == ["textbook"]
    assert {best.form for best in row.best} == {"factored"}


@pytest.mark.parametrize("verdicts", [{"textbook": "proved", "factored": "proved"}, {"factored": "exact"}])
def test_a_form_with_a_wrong_cell_is_wrong_and_never_best_at_another_size(frames, verdicts):
    of_form = frames.cells[["method", "size", "dtype"]]
    is_off = (of_form == ["textbook", 128, "float16"]).all(axis=1)
    assert is_off.any()
    cells = frames.cells.assign(
        status=frames.cells["status"].mask(is_off, "wrong"), reason=frames.cells["reason"].mask(is_off, "off")
    )
    row = one(frames, cells=cells, derivations=derivations(**verdicts))
    assert {best.form for best in row.best} == {"factored"}
    if "textbook" in verdicts:
        assert row.wrong == {"textbook": "off"} and row.evidence == {"proved": 1, "wrong": 1}


def test_a_form_with_something_unusual_is_right_but_not_best(frames):
    noted = frames.cells["reason"].mask(frames.cells["method"] == "textbook", "returns one buffer")
    row = one(frames, cells=frames.cells.assign(reason=noted), derivations=derivations(textbook="exact"))
    assert {best.form for best in row.best} == {"factored"} and not row.wrong


def test_an_unchecked_form_is_best_only_as_such(frames):
    row = one(frames, derivations=derivations(textbook="unchecked", factored="exact"))
    assert row.evidence == {"exact": 1, "not checked": 1} and list(row.unchecked) == ["textbook"]
    assert (row.best[0].form, row.best[0].evidence) == ("textbook", "not checked")


@pytest.mark.parametrize("error", [0.51, 1.0])
def test_an_unchecked_form_is_refuted_by_an_error_that_no_rounding_explains(frames, error):
    wrong = with_errors(frames, "textbook", rel_fro=error)
    row = one(wrong, derivations=derivations(textbook="unchecked", factored="exact"))
    assert list(row.wrong) == ["textbook"] and row.evidence["wrong"] == 1
    assert {best.form for best in row.best} == {"factored"}
    imprecise = one(wrong, derivations=derivations(textbook="exact", factored="exact"))
    assert not imprecise.wrong


def test_digits_and_the_first_size_that_overflows_are_by_dtype(frames):
    row = one(frames)
    assert row.overflows == {"float16": 512}
    assert 2 < row.digits["float16"] < 3.4 and 6 < row.digits["float32"] < 7.3


def test_a_zero_gradient_whose_truth_is_not_zero_is_a_failure_of_its_own(frames):
    zero = with_errors(frames, "factored", "float16", rel_fro=1.0, n_inf=0, n_underflow=128, digits=0.0)
    row = one(zero)
    assert row.zeros == {"float16": 8} and not row.overflows
    assert "float16" not in row.digits


def test_without_a_ratio_the_fastest_form_has_no_decision(frames):
    cells = frames.cells[frames.cells["method"] != "autograd"]
    lost = cells.assign(ratio=np.nan, ratio_log_se=np.nan)
    assert [(best.form, best.decision) for best in one(frames, cells=lost).best] == [
        ("textbook", None),
        ("factored", None),
    ]
