"""The low quantile of block times: independent of the number of blocks, and insensitive to interference."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gradiometer.analysis.low_quantile import STEPS, comparable, low_quantile_logs
from gradiometer.storage import schema
from gradiometer.storage.tables import write_table


def lows(folder, times):
    """`low_quantile_logs` of a run whose cell has the block times `times`, processes × blocks, without overhead."""
    processes, _ = times.shape
    process, block = (axis.ravel() for axis in np.indices(times.shape))
    known = {"run_id": "run", "case_id": "case"}
    samples = pd.DataFrame({
        "cell_id": "cell", "process": process, "segment": 0, "round": block, "position": 0, "calls": 1,
        "time_s": times.ravel() + 1e-7, "clock": "wall", **known,
    })  # fmt: skip
    segments = pd.DataFrame({"process": np.arange(processes), "overhead_s": 1e-7, **known})
    segments = segments.assign(segment=0, started_ns=0, ended_ns=0, interference=False)
    folder.mkdir()
    for name, frame in (("samples", samples), ("segments", segments)):
        fields = schema.arrow_schema(schema.TABLES[name])
        whole = frame.assign(**dict.fromkeys(set(fields.names) - set(frame)))
        write_table(folder, name, pa.Table.from_pandas(whole, schema=fields, preserve_index=False))
    return low_quantile_logs(folder)


def means(tmp_path, times_a, times_b):
    """Mean logs of two runs of one cell, compared."""
    both = pd.DataFrame({"cell_id_a": ["cell", "lost"], "cell_id_b": ["cell", "lost"]})
    found = comparable(both, lows(tmp_path / "a", times_a), lows(tmp_path / "b", times_b))
    return [frame["log"].mean() for frame in found]


def skewed(seed, processes, blocks):
    """Block times as they are on a machine: a least time, and delays with a long tail."""
    random = np.random.default_rng(seed)
    return 1e-5 * (1 + random.exponential(0.3, (processes, blocks)))


@pytest.mark.parametrize("few", [2, 3, 10])
def test_runs_with_different_numbers_of_blocks_agree(tmp_path, few):
    a, b = means(tmp_path, skewed(0, 1000, 40), skewed(1, 1000, few))
    assert b - a == pytest.approx(0, abs=0.02)


def test_every_step_estimates_the_expected_minimum_of_so_many_blocks(tmp_path):
    found = lows(tmp_path / "run", skewed(0, 1000, 40))
    for k in STEPS:
        expected = np.log(skewed(k, 20_000, k).min(axis=1)).mean()
        assert found[f"log_{k}"].mean() == pytest.approx(expected, abs=0.015)


def test_interference_in_a_third_of_the_blocks_changes_nothing(tmp_path):
    calm = skewed(0, 200, 40)
    delayed = np.where(np.arange(40) % 3 == 0, 2 * calm, calm)
    a, b = means(tmp_path, calm, delayed)
    assert b - a < 0.03 < np.log(np.median(delayed) / np.median(calm))


def test_a_process_with_fewer_blocks_than_a_step_has_no_value_there(tmp_path):
    found = lows(tmp_path / "run", skewed(0, 2, 4))
    assert (found["blocks"] == 4).all() and found["log_4"].notna().all() and found["log_5"].isna().all()
