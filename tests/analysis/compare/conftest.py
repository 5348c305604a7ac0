"""Pairs of runs for the tests of comparisons: the second is made to differ from the first in a known way."""

import json
import shutil

import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.compare.comparison import compare
from gradiometer.storage import schema
from gradiometer.storage.tables import read_table

ONE, BATCH = "linear_autoencoder", "linear_autoencoder_batch"
GRIDS = ((ONE, "W1", "float32"), (ONE, "W2", "float32"), (BATCH, "W1", "float32"))
SCALING = {8: 2.0, 32: 1.0, 128: 0.5, 512: 0.1}


@pytest.fixture(scope="session")
def first(make_run):
    return analysis.load([make_run(name="first", grids=GRIDS)])


@pytest.fixture(scope="session")
def other(make_run, tmp_path_factory):
    """Another run of the same machine: `other(factor=…, error=…, overhead=…, status=…, ids=…, edit=…, column=…)`.

    `factor`, `error` and `status` take a row of `cells` and return what its times and errors are multiplied by, and
    its status. `overhead` takes a case's name and returns what its empty calls are multiplied by. `ids` are (old, new)
    parts of names; `edit` changes run.json.
    """
    base = make_run(name="other", grids=GRIDS, seed=7)

    def made(factor=None, error=None, overhead=None, status=None, ids=None, edit=None, **columns):
        folder = tmp_path_factory.mktemp("results") / "other"
        shutil.copytree(base, folder)
        tables = {name: read_table(folder, name) for name in schema.TABLES}
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
            found = [status(row) or row["status"] for row in cells.to_dict("records")]
            tables["cells"]["status"] = found
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


@pytest.fixture(scope="session")
def null(first, other):
    return compare(first, other())


@pytest.fixture(scope="session")
def gpu(first, other):
    """An imaginary GPU machine: slower at small sizes, faster at large ones, less precise in TF32."""

    def machine(run):
        run["machine"]["gpus"] = [{"name": "Imaginary H1000", "compute_capability": [9, 0], "driver": "600.1"}]
        run["numerics_in_force"] = {"cuda, tf32": {"cuda_matmul_fp32_precision": "tf32"}}

    run = other(
        factor=lambda cell: SCALING[cell["size"]], error=lambda cell: 500.0, edit=machine, device="cuda",
        numerics="tf32", status=lambda cell: "crashed" if cell["method"] == "jacobian" else None,
        ids=("-cpu-1t-ieee-", "-cuda-1t-tf32-"),
    )  # fmt: skip
    return compare(first, run)
