"""Comparison of two runs: a difference that was put into a run is found, and no other."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.compare.changes import changed
from gradiometer.analysis.compare.comparison import compare
from gradiometer.analysis.compare.drift import drift

BATCH = "linear_autoencoder_batch"
NEWS = {"faster", "slower"}


def slower(factor, *methods):
    """These methods take `factor` times as long."""
    return lambda cell: factor if cell["method"] in methods else 1.0


def news(compared, *tables):
    return {verdict for name in tables for verdict in getattr(compared, name)["verdict"]} & NEWS


# One machine ----------------------------------------------------------------------------------------------------------


def test_two_runs_of_one_machine_are_the_same(null):
    cells = null.cells[null.cells["reason"].isna()]
    assert not news(null, "cells", "methods", "cases", "whole")
    assert (cells["verdict"] == "same").mean() >= 0.9
    assert null.one_machine and not null.label and not null.differs_in


def test_intervals_contain_the_true_ratio(null):
    cells = null.cells[null.cells["reason"].isna()]
    for name in ("ratio", "relative_ratio"):
        assert ((cells[f"{name}_low"] <= 1) & (cells[f"{name}_high"] >= 1)).mean() > 0.9


def test_a_method_that_takes_ten_percent_longer_is_the_only_one_found(first, other):
    compared = compare(first, other(factor=slower(1.1, "factored")))
    methods = compared.methods.set_index("method")
    assert set(methods.index[methods["verdict"].isin(NEWS)]) == {"factored"}
    assert methods.loc["factored", "verdict"] == "slower"
    assert methods.loc["factored", "ratio_low"] < 1.1 < methods.loc["factored", "ratio_high"]
    assert (methods.loc["factored", ["cells", "planned"]] == 12).all()
    found = compared.cells[compared.cells["verdict"].isin(NEWS)]
    assert set(found["method"]) == {"factored"} and len(found) > 6
    assert not news(compared, "cases", "whole")


def test_a_baseline_that_changes_is_found_like_any_method(first, other):
    compared = compare(first, other(factor=slower(1.1, "autograd")))
    assert set(compared.methods.loc[compared.methods["verdict"].isin(NEWS), "method"]) == {"autograd"}


def test_a_change_of_everything_is_found_as_a_whole_and_in_no_method(first, other):
    compared = compare(first, other(factor=lambda cell: 1.25))
    assert compared.whole["verdict"].tolist() == ["slower"]
    assert compared.whole["ratio"].item() == pytest.approx(1.25, rel=0.02)
    assert not news(compared, "methods", "cells")


def test_a_change_of_one_case_is_found_in_that_case(first, other):
    compared = compare(
        first, other(factor=lambda cell: 1.3 if (cell["problem"], cell["size"]) == (BATCH, 128) else 1.0)
    )
    found = compared.cases[compared.cases["verdict"].isin(NEWS)]
    assert found[["problem", "size", "verdict"]].to_numpy().tolist() == [[BATCH, 128, "slower"]]
    assert not news(compared, "cells", "methods")


def test_with_few_methods_a_cell_is_judged_by_its_time(other):
    def status(cell):
        return None if cell["method"] in ("autograd", "textbook") else "crashed"

    compared = compare(other(status=status), other(status=status, factor=slower(1.25, "textbook")))
    measured = compared.cells[compared.cells["reason"].isna()]
    assert measured["relative_ratio"].isna().all()
    assert set(measured.loc[measured["method"] == "textbook", "verdict"]) == {"slower"}
    assert not NEWS & set(measured.loc[measured["method"] == "autograd", "verdict"])


def test_one_process_decides_nothing(first, other):
    alone = other(factor=lambda cell: 2.0)
    samples = alone.samples[alone.samples["process"] == 0]
    folder = alone.folders[0]
    samples.to_parquet(folder / "samples.parquet")
    compared = compare(first, analysis.load([folder]))
    measured = compared.cells[compared.cells["reason"].isna()]
    assert measured["ratio"].between(1.8, 2.2).all() and measured["ratio_low"].isna().all()
    assert set(measured["verdict"]) == {"undecided"}


def test_a_band_is_as_wide_below_one_as_above(first, other):
    far = compare(first, other(factor=lambda cell: {8: 8.0, 512: 1 / 8}.get(cell["size"], 1.0), device="cuda",
                               ids=("-cpu-1t-", "-cuda-1t-")), band=2.0)  # fmt: skip
    verdicts = far.cells[far.cells["reason"].isna()].groupby("size")["verdict"].agg(set).to_dict()
    assert verdicts == {8: {"slower"}, 32: {"same"}, 128: {"same"}, 512: {"faster"}}


def test_a_process_that_lacks_a_cell_does_not_shift_its_group():
    cells = pd.DataFrame({"place": [0, 1], "change": [0.0, 1.0], "method": "m", "case_id_a": "case"})
    rows = cells.merge(pd.DataFrame({"process": [0, 1, 2]}), how="cross").merge(
        pd.DataFrame({"run": ["a", "b"]}), how="cross"
    )
    rows["log"] = np.where(rows["run"] == "b", rows["change"], 0.0)
    lacking = rows[~((rows["run"] == "b") & (rows["process"] == 2) & (rows["place"] == 1))]
    found = changed(lacking, "log", ["method"]).iloc[0]
    assert np.log(found["ratio"]) == pytest.approx(0.5) and found["error"] == pytest.approx(0.0, abs=1e-12)


# Drift ----------------------------------------------------------------------------------------------------------------


def test_a_case_is_not_slower_where_empty_calls_vary_as_much(first, other):
    compared = compare(
        first,
        other(
            factor=lambda cell: 1.3 if (cell["problem"], cell["size"]) == (BATCH, 128) else 1.0,
            overhead=lambda case: 1.25 if "-n8-" in case else 0.8 if "-n512-" in case else 1.0,
        ),
    )
    assert not news(compared, "cells", "methods", "cases")
    assert compared.drift.a == pytest.approx(0, abs=1e-6) and 0.1 < compared.drift.b < 0.2


def test_a_run_is_not_slower_where_its_empty_calls_are_slower_too(first, other):
    compared = compare(first, other(factor=lambda cell: 1.15, overhead=lambda case: 1.15))
    assert compared.whole["verdict"].tolist() == ["undecided"]
    assert compared.whole["ratio"].item() == pytest.approx(1.15, rel=0.02)
    assert np.exp(compared.drift.shift) == pytest.approx(1.15, rel=0.001)


def overheads(seconds):
    """Segments and matched cases of one case for each device, cache and number in `seconds`."""
    names = [(device, cache, place) for (device, cache), found in seconds.items() for place in range(len(found))]
    cases = [f"{device}-{cache}-{place}" for device, cache, place in names]
    both = pd.DataFrame({"case_id_a": cases, "case_id_b": cases, "cache": [name[1] for name in names]})
    both[["device_a", "device_b"]] = [[name[0]] * 2 for name in names]
    values = [value for found in seconds.values() for value in found]
    return both, pd.DataFrame({"case_id": cases, "overhead_s": values})


def test_a_steady_machine_has_no_drift_however_much_empty_calls_of_devices_and_caches_differ():
    steady = {("cpu", "hot"): [4e-8] * 3, ("cpu", "cold"): [9e-8] * 3, ("cuda", "hot"): [6e-6] * 3}
    both, segments = overheads(steady)
    found = drift(both, segments, segments)
    assert (found.a, found.b, found.deviation, found.shift) == pytest.approx((0, 0, 0, 0), abs=1e-12)
    assert found.degrees == 9 - 3


def test_cases_that_one_run_lacks_are_no_part_of_its_drift():
    both, segments = overheads({("cpu", "hot"): [4e-8] * 6})
    lacking = segments.assign(overhead_s=[4e-8] * 4 + [9e-8] * 2)
    both.loc[[4, 5], "case_id_a"] = None
    found = drift(both, segments, lacking)
    assert (found.b, found.deviation, found.shift) == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_drift_of_one_device_is_found_among_steady_others():
    both, before = overheads({("cpu", "hot"): [4e-8] * 4, ("cuda", "hot"): [6e-6] * 2})
    _, after = overheads({("cpu", "hot"): [4e-8] * 4, ("cuda", "hot"): [9e-6] * 2})
    assert np.exp(drift(both, before, after).shift) == pytest.approx(1.5)


# Two machines ---------------------------------------------------------------------------------------------------------


def test_families_are_compared_by_size_between_machines(gpu):
    forms = gpu.sizes[gpu.sizes["family"] == "analytic"].set_index("size")
    for size, factor in {8: 2.0, 32: 1.0, 128: 0.5, 512: 0.1}.items():
        row = forms.loc[size]
        assert row["ratio_low"] < factor < row["ratio_high"] and (row["cells"], row["planned"]) == (8, 8)
        verdict = "slower" if factor > 1.05 else "faster" if factor < 0.95 else "undecided"
        assert row["verdict"] in {verdict, "same"}
    reverse = gpu.sizes[gpu.sizes["family"] == "reverse"]
    assert reverse["cells"].sum() == 72  # of 84: twelve cells of jacobian crashed


def test_a_faster_machine_that_computes_less_precisely_is_recognised(gpu):
    less = gpu.cells[gpu.cells["precision"] == "less"]
    assert len(less) == gpu.cells["precision"].notna().sum() > 0
    assert less["error_ratio"].between(250, 1000).all()


def test_gradients_that_are_finite_only_in_one_run_are_less_precise_in_the_other(first, other):
    b = other()
    of_128 = b.errors["cell_id"].str.contains("n128-")
    b.errors.assign(n_inf=b.errors["n_inf"].mask(of_128, 3.0)).to_parquet(b.folders[0] / "errors.parquet")
    cells = compare(first, b).cells
    scored = cells[cells["scored"].notna()]
    assert set(scored.loc[scored["size"] == 128, "precision"]) == {"less"}
    assert "less" not in set(scored.loc[scored["size"] != 128, "precision"])


def test_seeds_that_one_run_did_not_score_are_not_compared(first, other):
    b = other()
    one = b.errors["cell_id"].eq(first.cells["cell_id"].iloc[0]) & (b.errors["seed"] > 0)
    unscored = b.errors.assign(rel_fro=b.errors["rel_fro"].mask(one), n_inf=b.errors["n_inf"].mask(one))
    unscored.to_parquet(b.folders[0] / "errors.parquet")
    cells = compare(first, analysis.load(b.folders)).cells
    assert cells["scored"].iloc[0] == 3 and cells["scored"].iloc[1] == 9  # one seed of each kind of data
    assert not (cells["other_inputs"] > 0).any()


# Matching -------------------------------------------------------------------------------------------------------------


def test_cells_that_are_not_compared_have_a_reason(first, other):
    b = other(status=lambda cell: "crashed" if cell["method"] == "jacobian" else None)
    b = dataclasses.replace(b, cells=b.cells[b.cells["wrt"] == "W1"])
    compared = compare(first, b)
    assert len(compared.cells) == len(first.cells)
    reasons = compared.cells["reason"].value_counts().to_dict()
    assert reasons["not in B"] == (first.cells["wrt"] == "W2").sum()
    assert reasons["crashed in B"] == 8 and reasons["skipped in both"] == 8


def test_conditions_without_a_common_value_are_left_out_of_the_match(gpu):
    assert set(gpu.cells["matched_by"]) == {"cell_id without device, threads and numerics"}
    assert gpu.cells["ratio"].notna().equals(gpu.cells["reason"].isna())


def test_runs_with_nothing_in_common_compare_nothing(first, other):
    compared = compare(first, other(dtype="float64", ids=("-float32-", "-float64-")))
    assert compared.cells["ratio"].isna().all() and set(compared.cells["reason"]) == {"not in A", "not in B"}


def test_a_gradient_that_is_wrong_in_a_run_is_not_compared(first, other):
    second = other(factor=lambda row: 3.0 if row["method"] == "textbook" else 1.0,
                   status=lambda row: "wrong" if row["method"] == "textbook" else None)  # fmt: skip
    cells = compare(first, second).cells
    wrong = cells[cells["method"] == "textbook"]
    assert set(wrong["reason"]) == {"wrong in B"}
    assert wrong[["verdict", "precision"]].isna().all(axis=None)
