"""Statements about a comparison: kinds and numbers, and that each kind has a sentence."""

import dataclasses

import numpy as np
import pytest

from gradiometer import analysis
from gradiometer.analysis.compare.comparison import compare
from gradiometer.analysis.compare.statements import MOST_NAMED, statements
from gradiometer.analysis.wording.comparison import sections

ONE, BATCH = "linear_autoencoder", "linear_autoencoder_batch"


def numbers(compared, kind):
    return [it.numbers for it in statements(compared) if it.kind == kind]


def only(compared, kind):
    (found,) = numbers(compared, kind)
    return found


def kinds(compared):
    return {it.kind for it in statements(compared)}


def test_equal_runs_have_no_statement_on_a_cell_a_method_or_a_case(null):
    assert only(null, "machines") == {"same": True, "label": ""}
    assert only(null, "no_method")["band"] == 0.05
    assert not kinds(null) & {"method", "cell", "case", "other_numerics", "bound"}
    verdicts = only(null, "verdicts")
    assert verdicts["relative"] and verdicts["cells"] == verdicts["same"] + verdicts["undecided"]


def test_a_slower_method_is_named_with_its_numbers(first, other):
    compared = compare(first, other(factor=lambda cell: 1.1 if cell["method"] == "factored" else 1.0))
    found = only(compared, "method")
    assert (found["method"], found["verdict"], found["cells"], found["planned"]) == ("factored", "slower", 12, 12)
    assert "no_method" not in kinds(compared) and "cell" not in kinds(compared)


def test_slower_cases_are_named_up_to_a_limit_and_the_others_counted(first, other):
    changed = {(problem, size) for problem in (ONE, BATCH) for size in (8, 32)}
    compared = compare(first, other(factor=lambda cell: 1.5 if (cell["problem"], cell["size"]) in changed else 1.0))
    named = numbers(compared, "case")
    assert len(named) == MOST_NAMED and {it["verdict"] for it in named} == {"slower"}
    assert only(compared, "more_cases")["count"] == 6 - MOST_NAMED


def test_the_drift_is_stated_with_its_numbers(first, other):
    found = only(compare(first, other(overhead=lambda case: 1.15)), "drift")
    assert found["empty_call_ratio"] == pytest.approx(1.15, rel=1e-3)


def test_families_are_stated_by_size_between_machines(gpu):
    found = {it["family"]: it for it in numbers(gpu, "family")}
    assert (found["analytic"]["cells"], found["analytic"]["planned"]) == (32, 32)
    assert (found["reverse"]["cells"], found["reverse"]["planned"]) == (72, 84)
    stretches = [(verdict, [row["size"] for row in rows]) for verdict, rows in found["analytic"]["stretches"]]
    assert stretches[0] == ("slower", [8]) and stretches[-1] == ("faster", [128, 512])
    assert all(it["differs_in"] == "hardware, numerics and conditions" for it in found.values())
    assert "other_numerics" in kinds(gpu) and "overall" not in kinds(gpu)


def test_reasons_for_cells_that_are_not_compared_are_counted(gpu):
    reasons = only(gpu, "not_compared")["reasons"]
    assert reasons["crashed in B"] == 12
    assert sum(reasons.values()) + only(gpu, "compared")["cells"] == len(gpu.cells)


def test_precision_is_stated_by_dtype_and_factor(gpu):
    found = only(gpu, "less_precise")
    assert found["dtypes"] == ["float32"] and 250 < found["median"] <= found["largest"]


def test_launch_bound_calls_are_stated_with_their_device_times(first, other):
    def machine(run):
        run["machine"]["gpus"] = [{"name": "Imaginary H1000"}]

    slow, fast = (other(device="cuda", device_time_s=factor * 1e-9) for factor in (1.0, 0.5))
    assert "launch_bound" not in kinds(compare(slow, fast)) | kinds(compare(slow, first))
    found = only(compare(slow, other(device="cuda", device_time_s=0.5e-9, edit=machine)), "launch_bound")
    assert found["cells"] == found["of"] and found["device_ratios"][8] == pytest.approx(0.5)


def test_sizes_that_move_from_overhead_to_work_are_stated(first, make_run):
    def fixed(seconds):
        return lambda problem, method, n: seconds + 1e-11 * n**3 if method in ("factored", "autograd") else None

    work = {"work": lambda method, n: (2 * n**3, 8 * n * n), "grids": ((ONE, "W1", "float32"),)}
    a, b = (analysis.load([make_run(name="run", truth=fixed(overhead), **work)]) for overhead in (100e-6, 2e-6))
    expected = {"size": 128, "a": "overhead", "b": "work", "cells": 2, "of": 2}
    expected["methods"] = {"factored": 1, "autograd": 1}
    assert only(compare(a, b), "bound") == expected
    uncounted = dataclasses.replace(b, cells=b.cells.assign(flops=np.nan, bytes=np.nan))
    assert only(compare(a, uncounted), "bound") == expected  # flops do not depend on the machine
    assert (only(compare(b, a), "bound")["a"], only(compare(b, a), "bound")["b"]) == ("work", "overhead")
    assert "bound" not in kinds(compare(first, first))


def test_every_statement_has_a_sentence(null, gpu, first, other):
    torch = compare(first, other(edit=lambda run: run["versions"].update(torch="2.14.0")))
    for compared in (null, gpu, torch):
        found = [sentence for sentences in sections(statements(compared)).values() for sentence in sentences]
        assert len(found) == len(statements(compared))
        assert all(it[0].isupper() or it[0].isdigit() for it in found) and all(it.endswith(".") for it in found)
        assert not [it for it in found if "nan" in it.lower().split() or "{" in it]
