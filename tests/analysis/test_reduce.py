"""DuckDB reduces what it is handed, and can reach nothing else."""

import duckdb
import pyarrow as pa
import pytest

from gradiometer.analysis import reduce as module
from gradiometer.analysis.reduce import reduce
from gradiometer.storage.validate import StoreError

TABLE = pa.table({"cell": pa.array(["a", "b", "a"]).dictionary_encode(), "time_s": [1.0, 2.0, 3.0]})


def test_an_arrow_table_is_reduced_to_a_frame():
    found = reduce("SELECT cell, median(time_s) AS time_s FROM times GROUP BY cell ORDER BY cell", {"times": TABLE})
    assert found.to_dict("list") == {"cell": ["a", "b"], "time_s": [2.0, 2.0]}


def test_values_are_parameters():
    found = reduce("SELECT count(*) AS n FROM times WHERE cell = $cell", {"times": TABLE}, {"cell": "a'; DROP"})
    assert found["n"].item() == 0


@pytest.mark.parametrize("sql", ["SELECT * FROM read_csv('{}')", "COPY (SELECT 1) TO '{}'", "INSTALL httpfs"])
def test_no_file_is_read_or_written_and_nothing_is_fetched(sql, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    with pytest.raises(duckdb.PermissionException):
        reduce(sql.format(path), {})
    assert path.read_text() == "a\n1\n"


def test_what_takes_too_much_memory_is_told_in_a_line(monkeypatch):
    monkeypatch.setattr(module, "MEMORY", "1MB")
    with pytest.raises(StoreError, match="take more than 1MB to reduce; name fewer runs"):
        reduce("SELECT median(i) FROM range(1000000) AS it(i) GROUP BY i % 1000", {})
