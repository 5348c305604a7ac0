"""Loading: any number of runs, bad ones named and left out."""

import json
import shutil

import pytest

from gradiometer import analysis
from gradiometer.analysis.frames import error_summary, flatten, with_error
from gradiometer.storage.validate import StoreError


def test_load_gives_every_table_as_plain_columns(run_folder):
    frames = analysis.load([run_folder])
    assert [run["run_id"] for run in frames.runs] == ["synthetic"]
    assert len(frames.cells) == len(set(frames.cells["cell_id"]))
    for table in (frames.cells, frames.errors, frames.segments):
        assert len(table)
        assert not (table.dtypes == "category").any()


@pytest.mark.parametrize("table", ["samples", "errors"])
def test_what_is_many_is_read_only_when_asked_for(table, make_run):
    folder = make_run(name="lazy", sizes=(8,))
    assert len(getattr(analysis.load([folder]), table))
    other = analysis.load([folder])
    (folder / f"{table}.parquet").unlink()
    with pytest.raises(StoreError, match=rf"{table}\.parquet: missing"):
        getattr(other, table)


def test_runs_are_concatenated_and_can_be_taken_apart(run_folder, make_run):
    second = make_run(name="second", sizes=(8,))
    frames = analysis.load([run_folder, second])
    assert list(dict.fromkeys(frames.cells["run_id"])) == ["synthetic", "second"]
    alone = frames.of_run("second")
    assert set(alone.cells["run_id"]) == {"second"} == set(alone.errors["run_id"])
    assert alone.folders == [second]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "no_cells", "version"])
def test_a_bad_run_is_named_and_the_others_go_on(damage, run_folder, tmp_path, capsys):
    bad = tmp_path / "bad"
    shutil.copytree(run_folder, bad)
    if damage == "truncated":
        whole = (bad / "cells.parquet").read_bytes()
        (bad / "cells.parquet").write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        content = bytearray((bad / "errors.parquet").read_bytes())
        content[len(content) // 3] ^= 16
        (bad / "errors.parquet").write_bytes(content)
    elif damage == "foreign":
        (bad / "run.json").write_text("[1, 2]")
    elif damage == "no_cells":
        (bad / "cells.parquet").unlink()
    else:
        run = json.loads((bad / "run.json").read_text())
        (bad / "run.json").write_text(json.dumps(run | {"schema_version": 99}))
    frames = analysis.load([bad, run_folder])
    assert frames.folders == [run_folder]
    warning = capsys.readouterr().err
    assert str(bad) in warning and warning.count("\n") == 1
    with pytest.raises(StoreError, match="bad"):
        analysis.load([bad])


def test_the_same_run_twice_counts_once(run_folder, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(run_folder, copy)
    assert len(analysis.load([run_folder, run_folder, copy]).runs) == 1
    assert "a second run named 'synthetic'" in capsys.readouterr().err


def test_nothing_to_load_says_so():
    with pytest.raises(StoreError, match="at least one run folder"):
        analysis.load([])


def test_shape_names_the_dimensions_that_a_study_overrode(make_run):
    plain = analysis.load([make_run(name="plain", sizes=(8,))]).cells
    tall = analysis.load([make_run(name="tall", sizes=(8, 32), samples_per_size=32)]).cells
    assert set(plain["shape"]) == {""}
    assert set(tall["shape"]) == {"m = 32 n"}  # one series, whatever the size


def test_errors_are_medians_over_seeds_with_their_range(run_folder):
    frames = analysis.load([run_folder])
    cell = frames.cells[(frames.cells["status"] == "ok") & (frames.cells["dtype"] == "float32")].iloc[[0]]
    raw = frames.errors[(frames.errors["cell_id"] == cell["cell_id"].iloc[0]) & (frames.errors["data"] == "uniform")]
    row = with_error(cell, frames.scores).iloc[0]
    assert row["rel_fro"] == raw["rel_fro"].median()
    assert (row["rel_fro_low"], row["rel_fro_high"]) == (raw["rel_fro"].min(), raw["rel_fro"].max())


def test_a_gradient_that_is_not_finite_has_no_error_but_is_counted(run_folder):
    frames = analysis.load([run_folder])
    scores = error_summary(frames.cells, frames.scores)
    overflowed = scores[(scores["dtype"] == "float16") & (scores["size"] == 512)]
    assert len(overflowed) and overflowed["rel_fro"].isna().all()
    assert (overflowed["finite_seeds"] == 0).all() and (overflowed["seeds"] == 3).all()


def test_flatten_makes_one_level_of_texts():
    nested = {"cpu": {"cores": 2, "flags": ["avx2", "fma"]}, "gpus": [{"name": "H100"}], "governor": None, "empty": {}}
    assert flatten(nested) == {
        "cpu.cores": "2",
        "cpu.flags": "avx2, fma",
        "gpus.0.name": "H100",
        "governor": "unknown",
        "empty": "none",
    }


def test_a_folder_with_tables_of_two_runs_is_named(make_run):
    one, two = (
        make_run(name=name, sizes=(8,), grids=(("linear_autoencoder", "W1", "float32"),)) for name in ("one", "two")
    )
    (two / "cells.parquet").write_bytes((one / "cells.parquet").read_bytes())
    with pytest.raises(StoreError, match="expected the tables of one run, found those of one, two"):
        analysis.load(two)
