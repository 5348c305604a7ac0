"""Two runs compared: what a run was made to do differently is found and named, and nothing else is."""

import csv
import dataclasses
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.cli import main
from gradiometer.analysis.compare.changes import changed
from gradiometer.analysis.compare.comparison import compare
from gradiometer.analysis.compare.gate import FAILURES
from gradiometer.analysis.compare.page import write_comparison
from gradiometer.analysis.compare.sentences import said
from gradiometer.storage import schema, store

ONE, BATCH = "linear_autoencoder", "linear_autoencoder_batch"
GRIDS = ((ONE, "W1", "float32"), (ONE, "W2", "float32"), (BATCH, "W1", "float32"))
NEWS = {"faster", "slower"}


@pytest.fixture(scope="module")
def first(make_run):
    return analysis.load([make_run(name="first", grids=GRIDS)])


@pytest.fixture(scope="module")
def other(make_run, tmp_path_factory):
    """Another run of the same machine, made to differ: `other(factor=…, error=…, overhead=…, status=…, ids=…, edit=…)`.

    `factor` and `error` say of a cell by what its times and errors are multiplied, `status` which status it has; `ids`
    are (old, new) in its names; `edit` changes run.json. Each takes the row of `cells`. `overhead` says by what an empty
    call's time is multiplied in a case, by its name.
    """
    base = make_run(name="other", grids=GRIDS, seed=7)

    def made(factor=None, error=None, overhead=None, status=None, ids=None, edit=None, **columns):
        folder = tmp_path_factory.mktemp("results") / "other"
        shutil.copytree(base, folder)
        tables = {name: store.read_table(folder, name) for name in schema.TABLES}
        cells = tables["cells"].set_index("cell_id", drop=False)
        for name, column, say in (("samples", "time_s", factor), ("errors", "rel_fro", error)):
            if say:
                factors = pd.Series([say(row) for row in cells.to_dict("records")], cells.index)
                tables[name][column] *= tables[name]["cell_id"].astype(object).map(factors)
        if overhead:
            tables["segments"]["overhead_s"] *= tables["segments"]["case_id"].astype(object).map(overhead).astype(float)
        for name, value in columns.items():
            tables["cells"][name] = value
        if status:
            told = [status(row) or row["status"] for row in cells.to_dict("records")]
            tables["cells"]["status"] = told
        for table in tables.values():
            for column in ("cell_id", "case_id"):
                if ids and column in table:
                    table[column] = table[column].astype(object).str.replace(*ids)
        for name, table in tables.items():
            table.to_parquet(folder / f"{name}.parquet")
        run = json.loads((folder / "run.json").read_text("utf-8"))
        if edit:
            edit(run)
        (folder / "run.json").write_text(json.dumps(run), "utf-8")
        return analysis.load([folder])

    return made


@pytest.fixture(scope="module")
def null(first, other):
    return compare(first, other())


def slower(factor, *methods):
    """These methods take `factor` times as long."""
    return lambda cell: factor if cell["method"] in methods else 1.0


def told(compared):
    return {heading: " ".join(sentences) for heading, sentences in said(compared).items()}


# One machine ----------------------------------------------------------------------------------------------------------


def test_two_runs_of_one_machine_are_the_same(null):
    cells = null.cells[null.cells["reason"].isna()]
    assert not NEWS & {*cells["verdict"], *null.methods["verdict"], *null.cases["verdict"], *null.whole["verdict"]}
    assert (cells["verdict"] == "same").mean() >= 0.9
    assert null.one_machine and not null.label
    assert "No method changed beside the others by more than ±5 %" in told(null)["Time"]
    assert told(null)["What is compared"].startswith("A and B are runs of one machine")


def test_intervals_hold_what_the_runs_were_made_of(null):
    cells = null.cells[null.cells["reason"].isna()]
    for name in ("ratio", "own_ratio"):
        assert ((cells[f"{name}_low"] <= 1) & (cells[f"{name}_high"] >= 1)).mean() > 0.9


def test_a_method_that_does_ten_percent_more_is_found_and_named_and_nothing_else_is(first, other):
    compared = compare(first, other(factor=slower(1.1, "factored")))
    methods = compared.methods.set_index("method")
    assert set(methods.index[methods["verdict"].isin(NEWS)]) == {"factored"}
    assert methods.loc["factored", "verdict"] == "slower"
    assert methods.loc["factored", "ratio_low"] < 1.1 < methods.loc["factored", "ratio_high"]
    assert (methods.loc["factored", ["cells", "of"]] == 12).all()
    news = compared.cells[compared.cells["verdict"].isin(NEWS)]
    assert set(news["method"]) == {"factored"} and len(news) > 6
    assert not NEWS & {*compared.cases["verdict"], *compared.whole["verdict"]}
    time = told(compared)["Time"]
    assert "factored is slower: beside the other methods it takes 1.10 [" in time and "over 12 of 12 cells" in time
    assert all(name not in time for name in ("textbook", "jacobian", "gram"))


def test_a_baseline_that_changes_is_found_like_any_method(first, other):
    compared = compare(first, other(factor=slower(1.1, "autograd")))
    assert set(compared.methods.loc[compared.methods["verdict"].isin(NEWS), "method"]) == {"autograd"}


def test_what_slows_everything_down_is_told_of_everything_and_of_no_method(first, other):
    compared = compare(first, other(factor=lambda cell: 1.25))
    assert compared.whole["verdict"].tolist() == ["slower"]
    assert compared.whole["ratio"].item() == pytest.approx(1.25, rel=0.02)
    assert not NEWS & {*compared.methods["verdict"], *compared.cells["verdict"]}
    assert "What all methods share, over 12 cases: B takes 1.2" in told(compared)["Time"]


def test_one_case_whose_methods_are_all_slower_is_told_of_the_case(first, other):
    compared = compare(
        first, other(factor=lambda cell: 1.3 if (cell["problem"], cell["size"]) == (BATCH, 128) else 1.0)
    )
    found = compared.cases[compared.cases["verdict"].isin(NEWS)]
    assert found[["problem", "size", "verdict"]].to_numpy().tolist() == [[BATCH, 128, "slower"]]
    assert not NEWS & {*compared.cells["verdict"], *compared.methods["verdict"]}
    assert f"All methods of {BATCH}, W1, float32, n = 128 are slower" in told(compared)["Time"]


def test_a_case_in_another_state_of_the_machine_is_no_news(first, other):
    """What slows a whole case is no more than what the empty calls of the cases vary by."""
    compared = compare(
        first,
        other(
            factor=lambda cell: 1.3 if (cell["problem"], cell["size"]) == (BATCH, 128) else 1.0,
            overhead=lambda case: 1.25 if "-n8-" in case else 0.8 if "-n512-" in case else 1.0,
        ),
    )
    assert not NEWS & {*compared.cells["verdict"], *compared.methods["verdict"], *compared.cases["verdict"]}
    assert re.search(r"varied from case to case by 0.0 % in A and 1\d.\d % in B", told(compared)["Time"])


def test_a_machine_whose_empty_calls_are_slower_too_is_not_said_to_compute_slower(first, other):
    compared = compare(first, other(factor=lambda cell: 1.15, overhead=lambda case: 1.15))
    assert compared.whole["verdict"].tolist() == ["undecided"]
    assert compared.whole["ratio"].item() == pytest.approx(1.15, rel=0.02)
    assert "an empty call takes 1.15 times A's time" in told(compared)["Time"]


def test_with_few_methods_a_cell_is_judged_by_its_time(other):
    def status(cell):
        return None if cell["method"] in ("autograd", "textbook") else "crashed"

    compared = compare(other(status=status), other(status=status, factor=slower(1.25, "textbook")))
    measured = compared.cells[compared.cells["reason"].isna()]
    assert measured["own_ratio"].isna().all()
    assert set(measured.loc[measured["method"] == "textbook", "verdict"]) == {"slower"}
    assert not NEWS & set(measured.loc[measured["method"] == "autograd", "verdict"])


def test_one_process_alone_decides_nothing(first, other):
    alone = other(factor=lambda cell: 2.0)
    samples = alone.samples[alone.samples["process"] == 0]
    folder = alone.folders[0]
    samples.to_parquet(folder / "samples.parquet")
    compared = compare(first, analysis.load([folder]))
    measured = compared.cells[compared.cells["reason"].isna()]
    assert measured["ratio"].between(1.8, 2.2).all() and measured["ratio_low"].isna().all()
    assert set(measured["verdict"]) == {"undecided"}


def test_other_torch_on_one_machine_is_the_same_comparison_and_labelled(first, other):
    compared = compare(first, other(edit=lambda run: run["versions"].update(torch="2.14.0")))
    assert compared.one_machine and compared.label == "other software (torch 2.14.0 against 2.13.0)"
    assert told(compared)["What is compared"].startswith("One machine, other software (torch 2.14.0 against 2.13.0).")
    assert "(across other software)" in told(compared)["Time"]


# Two machines ---------------------------------------------------------------------------------------------------------

SCALING = {8: 2.0, 32: 1.0, 128: 0.5, 512: 0.1}


@pytest.fixture(scope="module")
def gpu(first, other):
    """A machine that was never there: slower at small sizes, faster at large ones, in TF32."""

    def machine(run):
        run["machine"]["gpus"] = [{"name": "Imaginary H1000", "compute_capability": [9, 0], "driver": "600.1"}]
        run["numerics_in_force"] = {"cuda, tf32": {"cuda_matmul_fp32_precision": "tf32"}}

    run = other(
        factor=lambda cell: SCALING[cell["size"]], error=lambda cell: 500.0, edit=machine, device="cuda",
        numerics="tf32", status=lambda cell: "crashed" if cell["method"] == "jacobian" else None,
        ids=("-cpu-1t-ieee-", "-cuda-1t-tf32-"),
    )  # fmt: skip
    return compare(first, run)


def test_a_second_machine_is_described_by_size_with_n_of_n(gpu):
    time = told(gpu)["Time"]
    assert re.search(
        r"The forms derived by hand, B's time over A's \(across other hardware, numerics and conditions\), "
        r"32 of 32 cells: slower at n = 8: 2\.\d+ \[.*\]; (same|undecided) at n = 32: .*; "
        r"faster at n = 128 and 512: 0\.(5|49)\d* \[.*\] and 0\.(1|09)\d* \[.*\]\. ",
        time,
    )
    forms = gpu.sizes[gpu.sizes["family"] == "analytic"].set_index("size")
    for size, factor in SCALING.items():
        row = forms.loc[size]
        assert row["ratio_low"] < factor < row["ratio_high"] and (row["cells"], row["of"]) == (8, 8)
        verdict = "slower" if factor > 1.05 else "faster" if factor < 0.95 else "undecided"
        assert row["verdict"] in {verdict, "same"}
    assert re.search(r"Reverse mode, [^:]*, 72 of 84 cells: ", time)  # twelve cases without jacobian


def test_where_hosts_launch_too_slowly_device_times_are_told_apart(first, other):
    """Calls that wait for their launches are the host's; what the devices differ by stands beside."""
    runs = [other(device="cuda", device_time_s=factor * 1e-9) for factor in (1.0, 0.5)]
    time = told(compare(*runs))["Time"] + told(compare(runs[0], first))["Time"]
    assert "launch-bound" not in time  # one machine, or a device without a clock

    def machine(run):
        run["machine"]["gpus"] = [{"name": "Imaginary H1000"}]

    faster = other(device="cuda", device_time_s=0.5e-9, edit=machine)
    time = told(compare(runs[0], faster))["Time"]
    assert re.search(r"(\d+) of \1 cells with a device's clock are launch-bound in both runs", time)
    assert "B takes in the middle 0.500 at n = 8, 0.500 at n = 32" in time


def test_what_was_not_compared_is_counted_with_its_reason(gpu):
    compared, cells = told(gpu)["What is compared"], gpu.cells
    assert f"{cells['reason'].isna().sum()} of {len(cells)} cells are compared" in compared
    assert "matched by cell_id less device, threads and numerics" in compared
    assert "12 crashed in B" in compared and "in both" in compared
    assert gpu.cells["ratio"].notna().equals(cells["reason"].isna())


def test_a_ratio_across_other_hardware_or_numerics_says_so_wherever_it_stands(gpu, first, tmp_path):
    assert gpu.label.startswith(
        "other hardware (Imaginary H1000 against Imaginary Xeon); other numerics (asked for tf32"
    )
    assert "Not the same computation" in told(gpu)["What is compared"]
    html, markdown, *tables = write_comparison(first, first, gpu, tmp_path)
    for page in (html, markdown):
        assert "Imaginary H1000 against Imaginary Xeon" in page.read_text("utf-8")
        assert page.read_text("utf-8").count("across other hardware, numerics and conditions") >= 4 + 4
    for table in tables:
        rows = list(csv.DictReader(table.open(encoding="utf-8")))
        assert rows and all(row["crosses"] == gpu.label for row in rows)


def test_a_faster_machine_that_computes_less_precisely_is_no_bargain(gpu):
    less = gpu.cells[gpu.cells["precision"] == "less"]
    assert len(less) == gpu.cells["precision"].notna().sum() > 0
    assert less["error_ratio"].between(250, 1000).all()
    assert "are less precise in B, in float32: by a factor above 2" in told(gpu)["Precision"]


def test_gradients_that_are_finite_in_one_run_alone_are_less_precise_in_the_other(first, other):
    b = other()
    of_128 = b.errors["cell_id"].str.contains("n128-")
    b.errors.assign(n_inf=b.errors["n_inf"].mask(of_128, 3.0)).to_parquet(b.folders[0] / "errors.parquet")
    cells = compare(first, b).cells
    scored = cells[cells["scored"].notna()]
    assert set(scored.loc[scored["size"] == 128, "precision"]) == {"less"}
    assert "less" not in set(scored.loc[scored["size"] != 128, "precision"])


def test_sizes_that_move_from_overhead_to_work_are_named(first, make_run):
    def fixed(seconds):
        return lambda problem, method, n: seconds + 1e-11 * n**3 if method in ("factored", "autograd") else None

    work = {"work": lambda method, n: (2 * n**3, 8 * n * n), "grids": GRIDS[:1]}
    a, b = (analysis.load([make_run(name="run", truth=fixed(overhead), **work)]) for overhead in (100e-6, 2e-6))
    sentences = said(compare(a, b))["Overhead and work"]
    assert sentences == [
        "At n = 128, 2 of 2 cells are bound by overhead in A and by work in B: factored (1) and autograd (1)."
    ]
    uncounted = dataclasses.replace(b, cells=b.cells.assign(flops=np.nan, bytes=np.nan))
    assert said(compare(a, uncounted))["Overhead and work"] == sentences  # A's count is B's: a call does what it does
    assert "bound by work in A and by overhead in B" in said(compare(b, a))["Overhead and work"][0]
    assert "cannot be told" in said(compare(first, first))["Overhead and work"][0]


# Matching -------------------------------------------------------------------------------------------------------------


def test_cells_that_one_run_lacks_or_did_not_time_say_why(first, other):
    b = other(status=lambda cell: "crashed" if cell["method"] == "jacobian" else None)
    b = dataclasses.replace(b, cells=b.cells[b.cells["wrt"] == "W1"])
    compared = compare(first, b)
    assert len(compared.cells) == len(first.cells)
    reasons = compared.cells["reason"].value_counts().to_dict()
    assert reasons["not in B"] == (first.cells["wrt"] == "W2").sum()
    assert reasons["crashed in B"] == 8 and reasons["skipped in both"] == 8


def test_runs_with_nothing_in_common_compare_nothing(first, other, tmp_path):
    compared = compare(first, other(dtype="float64", ids=("-float32-", "-float64-")))
    assert compared.cells["ratio"].isna().all() and set(compared.cells["reason"]) == {"not in A", "not in B"}
    assert told(compared)["What is compared"].count("0 of ")
    write_comparison(first, first, compared, tmp_path)


def test_a_process_that_lacks_a_cell_shifts_no_group_by_that_cells_change():
    cells = pd.DataFrame({"place": [0, 1], "change": [0.0, 1.0], "method": "m", "case_id_a": "case"})
    rows = cells.merge(pd.DataFrame({"process": [0, 1, 2]}), how="cross").merge(
        pd.DataFrame({"run": ["a", "b"]}), how="cross"
    )
    rows["log"] = np.where(rows["run"] == "b", rows["change"], 0.0)
    lacking = rows[~((rows["run"] == "b") & (rows["process"] == 2) & (rows["place"] == 1))]
    found = changed(lacking, "log", ["method"]).iloc[0]
    assert np.log(found["ratio"]) == pytest.approx(0.5) and found["error"] == pytest.approx(0.0, abs=1e-12)


# Doors ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow(other):
    return other(factor=slower(1.1, "factored"), error=lambda cell: 2.5).folders[0]


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--fail-on", "slower"], 1, "B is slower: 1 of 14 methods and"),
        (["--fail-on", "slower", "--threshold", "1.3"], 0, "a band of ±30 %"),
        (["--fail-on", "less-precise"], 1, "B is less precise: 140 of 140 gradients by a factor above 2.00"),
        (["--fail-on", "less-precise", "--threshold", "4"], 0, "a band of ±5 %"),
        ([], 0, "factored is slower"),
    ],
)
def test_fail_on_serves_a_build(first, slow, tmp_path, capsys, arguments, status, line):
    assert main(["compare", str(first.folders[0]), str(slow), "-o", str(tmp_path), *arguments]) == status
    out, err = capsys.readouterr()
    assert line in out and not err and (tmp_path / "compare.html").is_file()


def test_a_run_is_not_compared_with_itself(first, tmp_path, capsys):
    run = first.folders[0]
    assert (
        main(["compare", str(run), f"{run.parent}/../{run.parent.name}/{run.name}", "-o", str(tmp_path / "out")]) == 2
    )
    assert "expected two runs to compare, got one twice" in capsys.readouterr().err and not any(tmp_path.iterdir())


def test_a_build_fails_by_every_table_that_has_a_verdict(gpu):
    assert {"families by size", "cells"} <= {what.split(" ", 3)[-1] for what in FAILURES["slower"][0](gpu, 1.05)}
    families_alone = dataclasses.replace(gpu, cells=gpu.cells.assign(verdict="undecided"))
    assert any("families by size" in what for what in FAILURES["slower"][0](families_alone, 1.05))


def test_a_wide_band_is_as_wide_below_1_as_above(first, other):
    far = compare(first, other(factor=lambda cell: {8: 8.0, 512: 1 / 8}.get(cell["size"], 1.0), device="cuda",
                               ids=("-cpu-1t-", "-cuda-1t-")), band=2.0)  # fmt: skip
    verdicts = far.cells[far.cells["reason"].isna()].groupby("size")["verdict"].agg(set).to_dict()
    assert verdicts == {8: {"slower"}, 32: {"same"}, 128: {"same"}, 512: {"faster"}}


def test_a_build_is_not_passed_by_runs_that_have_nothing_in_common(first, other, tmp_path, capsys):
    apart = other(dtype="float64", ids=("-float32-", "-float64-"))
    folders = [str(first.folders[0]), str(apart.folders[0])]
    assert main(["compare", *folders, "-o", str(tmp_path), "--fail-on", "slower"]) == 2
    assert "expected cells that" in capsys.readouterr().err


def test_seeds_that_one_run_did_not_score_are_not_compared(first, other):
    b = other()
    one = b.errors["cell_id"].eq(first.cells["cell_id"].iloc[0]) & (b.errors["seed"] > 0)
    unscored = b.errors.assign(rel_fro=b.errors["rel_fro"].mask(one), n_inf=b.errors["n_inf"].mask(one))
    unscored.to_parquet(b.folders[0] / "errors.parquet")
    cells = compare(first, analysis.load(b.folders)).cells
    assert cells["scored"].iloc[0] == 3 and cells["scored"].iloc[1] == 9  # one seed of each kind of data
    assert not (cells["other_inputs"] > 0).any()


@pytest.mark.parametrize("factor", ["1", "0.9", "nan", "much"])
def test_a_threshold_that_is_no_factor_is_bad_usage(factor, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", "a", "b", "--fail-on", "slower", "--threshold", factor])
    assert ended.value.code == 2 and "--threshold" in capsys.readouterr().err


def test_what_differs_comes_first_and_foreign_text_is_text(first, other, tmp_path):
    def nasty(run):
        run["versions"]["torch"] = "<script>a|b</script>"
        run["machine"]["cpu"] = "=cmd()"
        run["machine"]["load_1min"] = 3.5

    second = other(edit=nasty)
    html, markdown, *_ = write_comparison(first, second, compare(first, second), tmp_path)
    texts = [path.read_text("utf-8") for path in (html, markdown)]
    assert all("<script" not in it and it.index("What differs") < it.index("What is compared") for it in texts)
    assert r"a\|b" in texts[1]
    rows = {row["what"]: row for row in csv.DictReader((tmp_path / "differences.csv").open(encoding="utf-8"))}
    assert rows["cpu"]["b"] == "'=cmd()" and rows["torch"]["aspect"] == "software"
    assert "machine.load_1min" not in (tmp_path / "other_differences.csv").read_text("utf-8")


def test_the_page_shows_at_most_its_rows_and_the_file_all(null, first, tmp_path):
    many = pd.concat([null.cells] * 10, ignore_index=True)
    html, *_ = write_comparison(first, first, dataclasses.replace(null, cells=many), tmp_path)
    assert f"The first 500 of {len(many)} rows" in html.read_text("utf-8")
    assert len(list(csv.reader((tmp_path / "compare.csv").open(encoding="utf-8")))) == len(many) + 1
