import json
import resource

import numpy as np
import pandas as pd
import pytest

from gradiometer.statistics import with_intervals
from gradiometer.storage import earlier, schema
from gradiometer.storage.durable import write_json
from gradiometer.storage.journal import JOURNAL, CaseRecord, Journal
from gradiometer.storage.recover import recover
from gradiometer.storage.schema import Cell, Error, Segment
from gradiometer.storage.tables import DAMAGED, build_tables, read_table
from gradiometer.storage.validate import StoreError, check_name, read_description

RUN = "quick-20260101t000000"


def cell(method, status="ok", **changes):
    known = dict.fromkeys(schema.columns(Cell))
    known |= {
        "run_id": RUN, "cell_id": f"case-{method}", "case_id": "case", "problem": "p", "wrt": "W1", "method": method,
        "family": "reverse", "size": 8, "dims": "n=8", "parameters": 64, "dtype": "float32", "device": "cpu",
        "threads": 1, "numerics": "ieee", "cache": "hot", "status": status, "samples": 0, "processes": 0,
    }  # fmt: skip
    return Cell(**known | changes)


def record(method="autograd", times=(2e-5, 2.1e-5, 1.9e-5, 2e-5)):
    count = len(times)
    samples = {
        "cell_id": [f"case-{method}"] * count, "case_id": ["case"] * count, "process": [0, 0, 1, 1],
        "segment": [0, 1, 0, 1], "round": [0] * count, "position": [0] * count, "calls": [8] * count,
        "time_s": list(times), "clock": ["wall"] * count,
    }  # fmt: skip
    segments = [
        Segment(RUN, "case", p, s, 0, 10**8, 1e-7, s == 1, None, 0, None, None, None, None)
        for p in (0, 1)
        for s in (0, 1)
    ]
    error = dict.fromkeys(schema.columns(Error)) | {"run_id": RUN, "cell_id": f"case-{method}", "data": "uniform"}
    errors = [Error(**error | {"seed": 0, "status": "ok", "rel_fro": float("nan")})]
    return CaseRecord("case", [cell(method)], samples, segments, errors)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / RUN


def journalled(folder, records):
    description = {"schema_version": schema.SCHEMA_VERSION, "run_id": RUN, "state": "running", "label": None}
    journal = Journal(
        folder, description, [cell("autograd"), cell("jacrev"), cell("jacfwd", "skipped", reason="too large")]
    )
    for one in records:
        journal.append(one)
    journal.close()


def test_tables_come_from_the_journal_and_replace_it(folder):
    journalled(folder, [record()])
    build_tables(folder, state="complete")
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells.parquet", "derivations.parquet", "errors.parquet", "run.json", "samples.parquet", "segments.parquet",
    ]  # fmt: skip
    cells = read_table(folder, "cells").set_index("method")
    assert cells.loc["autograd", "time_s"] == pytest.approx(2e-5 - 1e-7, rel=1e-3)
    assert cells.loc["autograd", "ratio"] == 1
    assert cells.loc["autograd", "interference"] == 0.5
    assert cells.loc["autograd", "processes"] == 2
    assert pd.isna(read_table(folder, "errors")["rel_fro"].iloc[0])
    assert read_description(folder)["state"] == "complete"


def test_a_run_cut_short_is_recovered_with_a_row_for_every_planned_cell(folder):
    journalled(folder, [record()])
    with (folder / JOURNAL).open("a") as file:
        file.write('{"kind":"case","case_id":"ca')  # the process was killed while it wrote
    assert recover(folder).statuses == {"ok": 1, "interrupted": 1, "skipped": 1}
    cells = read_table(folder, "cells").set_index("method")
    assert list(cells.index) == ["autograd", "jacrev", "jacfwd"]
    assert cells.loc["jacfwd", "reason"] == "too large"
    with pytest.raises(StoreError, match="nothing to recover"):
        recover(folder)


def test_a_run_without_a_measured_case_is_readable_too(folder):
    journalled(folder, [])
    assert recover(folder).statuses == {"interrupted": 2, "skipped": 1}
    assert read_table(folder, "samples").empty


def test_a_case_of_which_nothing_was_timed_does_not_spoil_the_rest(folder):
    empty = record(times=())
    nothing = {name: [] for name in empty.samples}
    journalled(folder, [CaseRecord("case", [cell("jacrev", "error")], nothing, [], []), record()])
    assert recover(folder).statuses == {"ok": 1, "error": 1, "skipped": 1}


@pytest.mark.parametrize("damage", ["[[[", '{"kind":"case","case_id":"x"}', "null", '{"kind":[]}'])
def test_a_damaged_line_costs_that_line_only_and_its_number_is_recorded(folder, damage):
    journalled(folder, [record(), record("jacrev")])
    path = folder / JOURNAL
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], damage, lines[1], lines[2]]) + "\n")
    found = recover(folder)
    assert (found.statuses, found.lost_lines) == ({"ok": 2, "skipped": 1}, [2])
    assert read_description(folder)["journal_lines_lost"] == [2]
    assert (folder / DAMAGED).read_text().splitlines()[1] == damage


@pytest.fixture
def whole(folder):
    journalled(folder, [record()])
    build_tables(folder)
    return folder


def test_a_flipped_bit_is_noticed(whole):
    path = whole / "samples.parquet"
    content = bytearray(path.read_bytes())
    data = path.read_bytes().find(b"PAR1") + 60
    content[data] ^= 16
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"samples.parquet: not readable .*restore the file"):
        read_table(whole, "samples")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"schema_version": 99}', "schema version 99, this program reads 1"),
        ("[]", "schema version None"),
    ],
)
def test_a_foreign_description_raises_one_line(whole, content, message):
    (whole / "run.json").write_text(content)
    with pytest.raises(StoreError, match=message) as caught:
        read_description(whole)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_missing_truncated_or_foreign_is_named(whole):
    (whole / "cells.parquet").write_bytes((whole / "cells.parquet").read_bytes()[:100])
    with pytest.raises(StoreError, match="cells.parquet: not readable"):
        read_table(whole, "cells")
    pd.DataFrame({"a": [1]}).to_parquet(whole / "errors.parquet")
    with pytest.raises(StoreError, match="lacks the columns bound_share, bwd_fro_u"):
        read_table(whole, "errors")
    (whole / "samples.parquet").unlink()
    with pytest.raises(StoreError, match="samples.parquet: missing"):
        read_table(whole, "samples")


def test_columns_that_a_run_of_version_1_lacks_are_read_as_null_and_no_others(whole):
    path = whole / "segments.parquet"
    frame = read_table(whole, "segments")
    assert frame["power_w"].isna().all()
    frame.drop(columns=list(earlier.ADDED["segments"])).to_parquet(path)
    pd.testing.assert_frame_equal(read_table(whole, "segments"), frame)
    frame.drop(columns=["power_w", "steal_s"]).to_parquet(path)
    with pytest.raises(StoreError, match="lacks the columns steal_s; expected"):
        read_table(whole, "segments")


def test_a_journal_of_an_earlier_version_is_recovered_too(folder):
    journalled(folder, [record()])
    path = folder / JOURNAL
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for segment in lines[1]["segments"]:
        for column in earlier.ADDED["segments"]:
            del segment[column]
        for new, old in earlier.RENAMED["segments"].items():
            segment[old] = segment.pop(new)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert recover(folder).statuses["ok"] == 1
    segments = read_table(folder, "segments")
    assert segments[list(earlier.ADDED["segments"])].isna().all(axis=None)
    assert (segments["overhead_s"] == 1e-7).all() and segments["interference"].sum() == 2


@pytest.mark.parametrize("degrees", [True, False])
def test_intervals_of_earlier_versions_are_read_as_estimates(whole, degrees):
    cells = read_table(whole, "cells")
    ends = with_intervals(cells)
    old = cells.drop(columns=[*earlier.INTERVALS, *earlier.ADDED["cells"]]).rename(columns=earlier.RENAMED["cells"])
    old = old.assign(**ends[["time_low_s", "time_high_s", "ratio_low", "ratio_high"]])
    if degrees:
        old = old.assign(time_degrees=cells["time_df"], ratio_degrees=np.nan)
    old.to_parquet(whole / "cells.parquet")
    found = read_table(whole, "cells").set_index("method").loc["autograd"]
    expected = cells.set_index("method").loc["autograd"]
    assert found["time_log_se"] == pytest.approx(expected["time_log_se"]) and found["time_log_se"] > 0
    assert (found["time_df"], found["ratio_log_se"], found["processes"]) == (1, 0, 2)


def test_a_run_that_is_still_going_is_neither_recovered_nor_called_interrupted(folder):
    description = {"schema_version": schema.SCHEMA_VERSION, "run_id": RUN, "state": "running"}
    journal = Journal(folder, description, [cell("autograd")])
    journal.append(record())
    before = (folder / JOURNAL).read_bytes()
    with pytest.raises(StoreError, match="still going"):
        recover(folder)
    with pytest.raises(StoreError) as reading:
        read_table(folder, "cells")
    assert "recover" not in str(reading.value)
    assert (folder / JOURNAL).read_bytes() == before
    journal.close()
    with pytest.raises(StoreError, match=f"gradiometer recover {folder}"):
        read_table(folder, "cells")
    assert recover(folder).statuses == {"ok": 1}


def test_a_failed_write_raises_one_line_and_leaves_no_part_of_it(folder):
    description = {"schema_version": schema.SCHEMA_VERSION, "run_id": RUN, "state": "running"}
    journal = Journal(folder, description, [cell("autograd"), cell("jacrev")])
    journal.append(record())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / JOURNAL).stat().st_size + 100, limits[1]))  # a full disk
    try:
        with pytest.raises(StoreError) as caught:
            journal.append(record("jacrev"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    journal.append(record("jacrev"))
    journal.close()
    found = recover(folder)
    assert (found.statuses, found.lost_lines) == ({"ok": 2}, [])


def test_added_columns_may_be_null():
    for name, added in earlier.ADDED.items():
        assert set(added) <= schema.nullable(schema.TABLES[name])


@pytest.mark.parametrize("name", ["", "../x", "A", ".hidden", "a/b", "x" * 65])
def test_names_stay_in_their_folder(tmp_path, name):
    with pytest.raises(StoreError, match="expected a to z"):
        check_name(name, "run name")


def test_a_folder_that_cannot_be_written_raises_one_line(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(StoreError, match="give a folder that can be written"):
        journalled(blocker / RUN, [])


def test_numbers_that_json_cannot_hold_become_null(tmp_path):
    write_json(tmp_path / "x.json", {"a": float("nan"), "b": [float("inf"), 1.5]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": None, "b": [None, 1.5]}
