"""What DuckDB makes of the errors is what pandas makes of them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gradiometer.analysis.scores import KEYS, RANGE, READ, SUMMARY, summarised
from gradiometer.storage import schema

METRICS = ["rel_fro", "digits", "bwd_fro_u", "kappa", "ulp_p50", "ulp_p99", "ulp_max", "bound_share"]


@pytest.fixture(scope="module")
def errors():
    """Ten cells, three kinds of data, five seeds: metrics, references, counts and losses missing here and there."""
    random = np.random.default_rng(0)
    rows = pd.MultiIndex.from_product(
        [["run"], [f"cell{i}" for i in range(10)], (*schema.DATA, "near_optimum"), range(5)]
    )
    frame = rows.to_frame(index=False, name=[*KEYS, "seed"])
    frame[METRICS] = random.lognormal(size=(len(frame), len(METRICS)))
    counts = ["n_nan", "n_inf", "n_spurious", "n_underflow"]
    frame[counts] = random.integers(0, 2, (len(frame), 4)).astype(float)
    frame["status"] = random.choice(["ok", "zeroed"], len(frame), p=[0.9, 0.1])
    frame["reference"], frame["loss_finite"] = "ball", (random.random(len(frame)) < 0.7).astype(object)
    for name in (*METRICS, *counts, "reference", "loss_finite"):
        frame.loc[random.random(len(frame)) < 0.2, name] = None
    frame.loc[frame["cell_id"] == "cell3", METRICS] = None
    frame.loc[frame["cell_id"] == "cell4", ["reference", "loss_finite"]] = None
    return frame.sample(frac=1, random_state=0)


def test_the_summary_over_seeds_is_that_of_pandas(errors):
    medians = {name: (name, "median") for name in ("rel_fro", "digits", "bwd_fro_u", "kappa", "ulp_p50", "ulp_p99")}
    ends = {
        "rel_fro_low": ("rel_fro", "min"),
        "rel_fro_high": ("rel_fro", "max"),
        "ulp_max": ("ulp_max", "max"),
        "bound_share": ("bound_share", "max"),
    }
    counts = {"seeds": ("rel_fro", "size"), "finite_seeds": ("rel_fro", "count")}
    expected = errors[errors["reference"].notna()].groupby(KEYS).agg(**medians, **ends, **counts)
    found = summarised(errors).set_index(KEYS)
    assert (found["seeds"] == 0).sum() == 3  # cell4 has no reference
    found = found.loc[found["seeds"] > 0, list(SUMMARY)].sort_index()
    pd.testing.assert_frame_equal(found, expected[list(SUMMARY)], check_dtype=False, check_index_type=False, rtol=1e-15)


def test_the_worst_over_seeds_is_that_of_pandas(errors):
    needed = (["n_nan", "n_inf"], ["n_spurious"], ["loss_finite"], ["n_underflow"])
    entries, spurious, loss, underflow = (errors.dropna(subset=names).set_index(KEYS) for names in needed)
    expected = {
        "finite": (entries["n_nan"] + entries["n_inf"] == 0).groupby(KEYS).all(),
        "spurious": (spurious["n_spurious"] > 0).groupby(KEYS).any(),
        "loss_finite": loss["loss_finite"].astype(bool).groupby(KEYS).all(),
        "underflow": (underflow["n_underflow"] > 0).groupby(KEYS).any(),
    }
    of_earlier_runs = (errors["n_underflow"] > 0) & ((errors["rel_fro"] - 1).abs() < 1e-12)
    zero = (errors["status"] == "zeroed") | of_earlier_runs
    expected["zero"] = zero.groupby([errors[key] for key in KEYS]).any()
    found = summarised(errors).set_index(KEYS)
    for name in RANGE:
        known = found[name].dropna().astype(bool).sort_index()
        pd.testing.assert_series_equal(known, expected[name], check_names=False, check_index_type=False)
    assert found["loss_finite"].isna().sum() == 3  # cell4 has no record of its loss


def test_rows_are_in_order_of_appearance_and_chunks_of_a_table_are_one(errors):
    whole = summarised(errors)
    assert list(whole["cell_id"].drop_duplicates()) == list(errors["cell_id"].drop_duplicates())
    fields = pa.schema([schema.arrow_schema(schema.Error).field(name) for name in READ])
    halves = [pa.Table.from_pandas(part, fields, preserve_index=False) for part in (errors[:70], errors[70:])]
    pd.testing.assert_frame_equal(summarised(pa.concat_tables(halves)), whole)
