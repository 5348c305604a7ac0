"""What limits a cell, from known rates."""

import pandas as pd
import pytest

from gradiometer.analysis.work import with_limits

CEILINGS = [
    {
        "device": "cpu", "threads": 1, "numerics": "ieee",
        "flops_per_s": {"float32": 1e11, "float16": None},
        "bytes_per_s": {"1000": 5e10, "100000": 6e10, "1000000": 1e10},
    }
]  # fmt: skip


def cells(**columns):
    whole = {
        "device": "cpu", "threads": 1, "numerics": "ieee", "dtype": "float32",
        "flops": 1e8, "bytes": 500, "time_s": 2e-3,
    }  # fmt: skip
    return pd.DataFrame([whole | columns])


def test_the_limit_is_the_slower_of_computing_and_moving():
    computing = with_limits(cells(), CEILINGS).iloc[0]
    assert (computing["limited_by"], computing["limit_s"]) == ("flops", pytest.approx(1e-3))
    assert computing["limit_share"] == pytest.approx(0.5)
    moving = with_limits(cells(flops=10, bytes=1e8, time_s=0.04), CEILINGS).iloc[0]
    assert (moving["limited_by"], moving["limit_s"]) == ("bytes", pytest.approx(1e-2))
    assert moving["limit_share"] == pytest.approx(0.25)


@pytest.mark.parametrize(("moved", "rate"), [(500, 6e10), (50_000, 6e10), (500_000, 1e10), (10**9, 1e10)])
def test_a_bandwidth_is_that_of_copies_no_smaller(moved, rate):
    assert with_limits(cells(bytes=moved), CEILINGS)["bytes_limit_s"].iloc[0] == pytest.approx(moved / rate)


@pytest.mark.parametrize(
    ("columns", "peak_rates"),
    [
        ({}, None),
        ({}, [{"device": "cpu"}, 7]),
        ({"dtype": "float16"}, CEILINGS),
        ({"threads": 2}, CEILINGS),
        ({"flops": None}, CEILINGS),
    ],
)
def test_what_is_not_known_is_null(columns, peak_rates):
    found = with_limits(cells(**columns), peak_rates).iloc[0]
    assert pd.isna(found["limit_s"]) and pd.isna(found["limit_share"]) and found["limited_by"] is None
