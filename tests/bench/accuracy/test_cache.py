import hashlib
import os
from functools import partial

import numpy as np
import pytest
import torch

from gradiometer.accuracy.cache import Cache, content_key, folder
from gradiometer.graph.trace import trace

ONE = [np.array("limbs"), np.arange(6.0).reshape(2, 3), np.full((), np.nan)]


A, B, C, D = (hashlib.sha256(letter).hexdigest() for letter in (b"a", b"b", b"c", b"d"))


def files(place):
    return sorted(place.glob("*"), key=lambda file: file.stat().st_mtime_ns)


def same(found, expected):
    return all(np.array_equal(a, b, equal_nan=b.dtype.kind == "f") for a, b in zip(found, expected, strict=True))


def test_another_process_finds_an_entry(tmp_path):
    assert Cache(tmp_path).get(A) is None
    Cache(tmp_path).put(A, ONE)
    assert same(Cache(tmp_path).get(A), ONE)
    assert [file.name for file in files(tmp_path)] == [f"{A}.entry"]  # nothing half-written is left


@pytest.mark.parametrize("place", range(0, 900, 60))
def test_a_damaged_entry_is_none(tmp_path, place):
    Cache(tmp_path).put(A, [np.arange(100.0)])
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
    assert Cache(tmp_path).get(A) is None
    file.write_bytes(whole[:place])
    assert Cache(tmp_path).get(A) is None


def test_an_entry_under_another_key_is_none(tmp_path):
    Cache(tmp_path).put(A, ONE)
    (tmp_path / f"{A}.entry").rename(tmp_path / f"{B}.entry")
    assert Cache(tmp_path).get(B) is None


def test_pickles_are_not_read(tmp_path):
    Cache(tmp_path).put(A, [np.array([{}], dtype=object)])
    assert Cache(tmp_path).get(A) is None


def test_the_entries_used_longest_ago_are_removed_first(tmp_path):
    kept = Cache(tmp_path, memory_bytes=0, disk_bytes=6500)
    for key in (A, B, C):
        kept.put(key, [np.zeros(200)])
    assert kept.get(A) is not None
    kept.put(D, [np.zeros(200)])
    assert [key for key in (A, B, C, D) if kept.get(key) is not None] == [A, C, D]
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 6500


def foreign_files(place):
    """Older and larger than any entry, some with names that resemble an entry's."""
    names = ["holiday.jpg", "thesis.npz", f"{A}", f"{A[:-1]}.npz", f"{A}.npz.bak", f".{A}.new", f"x{A}.entry"]
    for name in names:
        (place / name).write_bytes(bytes(5000))
        os.utime(place / name, (1, 1))
    (place / f"{D}.entry").symlink_to(place / "thesis.npz")
    (place / "folder").mkdir()
    return {*names, f"{D}.entry", "folder"}


@pytest.mark.parametrize("is_own_folder", [False, True])
def test_foreign_files_are_never_removed(tmp_path, is_own_folder):
    found = folder({"GRADIOMETER_CACHE": str(tmp_path)})
    place = found if is_own_folder else tmp_path
    place.mkdir(parents=True, exist_ok=True)
    foreign = foreign_files(place)
    kept = Cache(found, memory_bytes=0, disk_bytes=2500)
    for key in (A, B, C):
        kept.put(key, [np.zeros(200)])
    assert foreign <= {file.name for file in place.iterdir()}
    assert [key for key in (A, B, C) if kept.get(key) is not None] == [C]


def test_files_of_ended_processes_and_of_the_earlier_format_are_removed(tmp_path):
    for name in (f"{A}.npz", f".{A}.12345.new"):
        (tmp_path / name).write_bytes(bytes(5000))
        os.utime(tmp_path / name, (1, 1))
    Cache(tmp_path, disk_bytes=3000).put(B, [np.zeros(200)])
    assert [file.name for file in files(tmp_path)] == [f"{B}.entry"]


def test_without_a_disk_memory_serves_and_is_bounded():
    kept = Cache(None, memory_bytes=3000)
    for key in (A, B, C):
        kept.put(key, [np.zeros(150)])
    assert kept.get(A) is None
    assert kept.get(C) is not None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    kept = Cache(tmp_path / "file")
    kept.put(A, ONE)
    assert same(kept.get(A), ONE)


def test_the_cache_has_a_folder_of_its_own():
    assert str(folder({"GRADIOMETER_CACHE": "/there"})) == "/there/gradiometer/references"
    assert folder({"GRADIOMETER_CACHE": "", "XDG_CACHE_HOME": "/caches"}) is None
    assert str(folder({"XDG_CACHE_HOME": "/caches"})) == "/caches/gradiometer/references"
    assert str(folder({})).endswith(".cache/gradiometer/references")


def test_a_key_covers_everything_that_a_value_depends_on():
    x, y = torch.ones(3), torch.ones(3)
    y[0] += 2.0**-23
    double = trace(lambda x: 2 * x, [x])
    graphs = [double, trace(lambda x: 3 * x, [x]), *(trace(partial(torch.mul, c), [x]) for c in (x, y))]
    keys = [content_key(graph, [x], "a") for graph in graphs]
    keys += [content_key(double, [y], "a"), content_key(double, [x.double()], "a"), content_key(double, [x], "b")]
    assert len(set(keys)) == len(keys)
    assert content_key(trace(lambda x: 2 * x, [y]), [x.clone()], "a") == keys[0]
