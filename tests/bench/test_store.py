import json

import pandas as pd
import pytest

from gradiometer.storage import schema, store
from gradiometer.storage.schema import Cell, Error, Segment

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
    return store.CaseRecord("case", [cell(method)], samples, segments, errors)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / RUN


def journalled(folder, records):
    description = {"schema_version": schema.SCHEMA_VERSION, "run_id": RUN, "state": "running", "label": None}
    journal = store.Journal(
        folder, description, [cell("autograd"), cell("jacrev"), cell("jacfwd", "skipped", reason="too large")]
    )
    for one in records:
        journal.append(one)
    journal.close()


def test_tables_come_from_the_journal_and_replace_it(folder):
    journalled(folder, [record()])
    store.build_tables(folder, state="complete")
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells.parquet", "derivations.parquet", "errors.parquet", "run.json", "samples.parquet", "segments.parquet",
    ]  # fmt: skip
    cells = store.read_table(folder, "cells").set_index("method")
    assert cells.loc["autograd", "time_s"] == pytest.approx(2e-5 - 1e-7, rel=1e-3)
    assert cells.loc["autograd", "ratio"] == 1
    assert cells.loc["autograd", "interference"] == 0.5
    assert cells.loc["autograd", "processes"] == 2
    assert pd.isna(store.read_table(folder, "errors")["rel_fro"].iloc[0])
    assert store.read_description(folder)["state"] == "complete"


def test_a_run_cut_short_is_recovered_with_a_row_for_every_planned_cell(folder):
    journalled(folder, [record()])
    with (folder / store.JOURNAL).open("a") as file:
        file.write('{"kind":"case","case_id":"ca')  # the process was killed while it wrote
    assert store.recover(folder) == {"ok": 1, "interrupted": 1, "skipped": 1}
    cells = store.read_table(folder, "cells").set_index("method")
    assert list(cells.index) == ["autograd", "jacrev", "jacfwd"]
    assert cells.loc["jacfwd", "reason"] == "too large"
    with pytest.raises(store.StoreError, match="nothing to recover"):
        store.recover(folder)


def test_a_run_without_a_measured_case_is_readable_too(folder):
    journalled(folder, [])
    assert store.recover(folder) == {"interrupted": 2, "skipped": 1}
    assert store.read_table(folder, "samples").empty


def test_a_case_of_which_nothing_was_timed_does_not_spoil_the_rest(folder):
    empty = record(times=())
    nothing = {name: [] for name in empty.samples}
    journalled(folder, [store.CaseRecord("case", [cell("jacrev", "error")], nothing, [], []), record()])
    assert store.recover(folder) == {"ok": 1, "error": 1, "skipped": 1}


def test_a_line_that_is_no_record_is_told_with_its_number_and_nothing_is_lost(folder):
    journalled(folder, [record()])
    path = folder / store.JOURNAL
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "[[[", lines[1]]) + "\n")
    with pytest.raises(store.StoreError, match="line 2: expected a JSON record"):
        store.recover(folder)
    assert path.read_text().splitlines()[2] == lines[1]


@pytest.fixture
def whole(folder):
    journalled(folder, [record()])
    store.build_tables(folder)
    return folder


def test_a_flipped_bit_is_noticed(whole):
    path = whole / "samples.parquet"
    content = bytearray(path.read_bytes())
    data = path.read_bytes().find(b"PAR1") + 60
    content[data] ^= 16
    path.write_bytes(content)
    with pytest.raises(store.StoreError, match=r"samples.parquet: not readable .*restore the file"):
        store.read_table(whole, "samples")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"schema_version": 99}', "schema version 99, this program reads 1"),
        ("[]", "schema version None"),
    ],
)
def test_a_foreign_description_is_told_in_a_line(whole, content, said):
    (whole / "run.json").write_text(content)
    with pytest.raises(store.StoreError, match=said) as caught:
        store.read_description(whole)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_missing_truncated_or_foreign_is_named(whole):
    (whole / "cells.parquet").write_bytes((whole / "cells.parquet").read_bytes()[:100])
    with pytest.raises(store.StoreError, match="cells.parquet: not readable"):
        store.read_table(whole, "cells")
    pd.DataFrame({"a": [1]}).to_parquet(whole / "errors.parquet")
    with pytest.raises(store.StoreError, match="lacks the columns bound_share, bwd_fro_u"):
        store.read_table(whole, "errors")
    (whole / "samples.parquet").unlink()
    with pytest.raises(store.StoreError, match="samples.parquet: missing"):
        store.read_table(whole, "samples")


def test_columns_that_a_run_of_version_1_lacks_are_read_as_null_and_no_others(whole):
    path = whole / "segments.parquet"
    frame = store.read_table(whole, "segments")
    assert frame["power_w"].isna().all()
    frame.drop(columns=list(schema.ADDED["segments"])).to_parquet(path)
    pd.testing.assert_frame_equal(store.read_table(whole, "segments"), frame)
    frame.drop(columns=["power_w", "steal_s"]).to_parquet(path)
    with pytest.raises(store.StoreError, match="lacks the columns steal_s; expected"):
        store.read_table(whole, "segments")


def test_a_journal_of_version_1_is_recovered_too(folder):
    journalled(folder, [record()])
    path = folder / store.JOURNAL
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for segment in lines[1]["segments"]:
        for column in schema.ADDED["segments"]:
            del segment[column]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert store.recover(folder)["ok"] == 1
    assert store.read_table(folder, "segments")[list(schema.ADDED["segments"])].isna().all(axis=None)


def test_added_columns_may_be_null():
    for name, added in schema.ADDED.items():
        assert set(added) <= schema.nullable(schema.TABLES[name])


@pytest.mark.parametrize("name", ["", "../x", "A", ".hidden", "a/b", "x" * 65])
def test_names_stay_in_their_folder(tmp_path, name):
    with pytest.raises(store.StoreError, match="expected a to z"):
        store.check_name(name, "run name")


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(store.StoreError, match="give a folder that can be written"):
        journalled(blocker / RUN, [])


def test_numbers_that_json_cannot_hold_become_null(tmp_path):
    store.write_json(tmp_path / "x.json", {"a": float("nan"), "b": [float("inf"), 1.5]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": None, "b": [None, 1.5]}
