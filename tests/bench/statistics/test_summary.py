"""The summary columns of cells, from raw rows."""

import numpy as np
import pandas as pd
import pytest

from gradiometer import statistics
from gradiometer.storage import schema

PROCESSES, SEGMENTS, BLOCKS = 3, 4, 3
NOT_SUMMARISED = {"case_id", "cell_id", "method", "family"}


def raw_rows(methods, between=0.004, clock="wall", seed=0):
    """Cells, samples and segments of one case; `methods` maps a method to its family and time in seconds."""
    rng = np.random.default_rng(seed)
    cells = pd.DataFrame({"method": list(methods), "family": [family for family, _ in methods.values()]})
    cells = cells.assign(case_id="case", cell_id="case-" + cells["method"])
    rows = []
    for method, (_, time_s) in methods.items():
        for process, shift in enumerate(rng.normal(0, between, PROCESSES)):
            for block in range(SEGMENTS * BLOCKS):
                measured_s = time_s and time_s * np.exp(shift + rng.normal(0, 0.002))
                rows.append(("case", f"case-{method}", process, block // BLOCKS, block, clock, measured_s))
    columns = ["case_id", "cell_id", "process", "segment", "round", "clock", "time_s"]
    samples = pd.DataFrame(rows, columns=columns).dropna()
    segments = samples[["case_id", "process", "segment"]].drop_duplicates().assign(overhead_s=0.0, interference=False)
    return cells, samples, segments


def test_cells_are_filled_from_raw_rows_and_the_baseline_is_one():
    methods = {"autograd": ("reverse", 2e-5), "textbook": ("analytic", 1e-5), "jacfwd": ("forward", None)}
    found = statistics.summarise(*raw_rows(methods)).set_index("method")
    assert found.loc["autograd", ["ratio", "ratio_log_se", "ratio_df"]].tolist() == [1, 0, np.inf]
    assert found.loc["textbook", "ratio"] == pytest.approx(0.5, rel=0.02)
    assert found.loc["textbook", "ratio_df"] == 2
    assert np.isnan(found.loc["jacfwd", "ratio"]) and found.loc["jacfwd", "samples"] == 0
    assert {*found.columns} - NOT_SUMMARISED <= {*schema.columns(schema.Cell)}


def test_variances_are_moderated_within_a_family():
    """Forty forms whose variances differ by chance share them; three generic methods are too few."""
    forms = {f"form{number}": ("analytic", 1e-5) for number in range(40)}
    generic = dict.fromkeys(("autograd", "backward", "func_grad"), ("reverse", 2e-05))
    found = statistics.summarise(*raw_rows(forms | generic)).set_index("family")
    for name in ("time", "ratio"):
        assert (found.loc["analytic", f"{name}_df"] > 4).all()
        assert np.log(found.loc["analytic", f"{name}_log_se"]).std() < 0.4  # 0.64 unmoderated
    assert (found.loc["reverse", "time_df"] == PROCESSES - 1).all()


def test_device_time_and_wall_time_are_kept_apart():
    cells, samples, segments = raw_rows({"autograd": ("reverse", 2e-5)}, between=0.0)
    on_device = samples.assign(clock="device", time_s=samples["time_s"] / 4)
    found = statistics.summarise(cells, pd.concat([samples, on_device]), segments).iloc[0]
    assert found["time_s"] == pytest.approx(2e-5, rel=0.01)
    assert found["device_time_s"] == pytest.approx(5e-6, rel=0.01)
    assert np.isnan(statistics.summarise(cells, samples, segments)["device_time_s"].iloc[0])
