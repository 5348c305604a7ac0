from functools import partial

import numpy as np
import pytest
import torch

from gradiometer.accuracy.cache import Cache, content_key, folder
from gradiometer.graph.trace import trace

ONE = [np.array("limbs"), np.arange(6.0).reshape(2, 3), np.full((), np.nan)]


def files(place):
    return sorted(place.glob("*"), key=lambda file: file.stat().st_mtime_ns)


def same(found, expected):
    return all(np.array_equal(a, b, equal_nan=b.dtype.kind == "f") for a, b in zip(found, expected, strict=True))


def test_another_process_finds_what_was_kept(tmp_path):
    assert Cache(tmp_path).get("a") is None
    Cache(tmp_path).put("a", ONE)
    assert same(Cache(tmp_path).get("a"), ONE)
    assert [file.name for file in files(tmp_path)] == ["a.npz"]  # nothing half-written is left


@pytest.mark.parametrize("place", range(0, 900, 60))
def test_an_entry_that_was_damaged_is_none(tmp_path, place):
    kept = [np.arange(100.0)]
    Cache(tmp_path).put("a", kept)
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
    found = Cache(tmp_path).get("a")
    assert found is None or same(found, kept)  # a bit of padding may turn
    file.write_bytes(whole[:place])
    assert Cache(tmp_path).get("a") is None


def test_a_flipped_bit_in_the_numbers_is_noticed(tmp_path):
    Cache(tmp_path).put("a", [np.full(100, 1.5)])
    (file,) = files(tmp_path)
    file.write_bytes(file.read_bytes().replace(np.full(3, 1.5).tobytes(), np.full(3, 2.5).tobytes(), 1))
    assert Cache(tmp_path).get("a") is None


def test_pickles_are_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", np.array([{}], dtype=object))
    assert Cache(tmp_path).get("a") is None


def test_the_oldest_go_first_and_use_keeps_one_young(tmp_path):
    kept = Cache(tmp_path, memory_bytes=0, disk_bytes=6500)
    for key in "abc":
        kept.put(key, [np.zeros(200)])
    assert kept.get("a") is not None
    kept.put("d", [np.zeros(200)])
    assert [key for key in "abcd" if kept.get(key) is not None] == ["a", "c", "d"]
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 6500


def test_memory_alone_serves_where_there_is_no_disk_and_is_bounded():
    kept = Cache(None, memory_bytes=3000)
    for key in "abc":
        kept.put(key, [np.zeros(150)])
    assert kept.get("a") is None
    assert kept.get("c") is not None


def test_a_folder_that_cannot_be_written_is_no_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    kept = Cache(tmp_path / "file")
    kept.put("a", ONE)
    assert same(kept.get("a"), ONE)


def test_where_it_lies():
    assert str(folder({"GRADIOMETER_CACHE": "/there"})) == "/there"
    assert folder({"GRADIOMETER_CACHE": "", "XDG_CACHE_HOME": "/caches"}) is None
    assert str(folder({"XDG_CACHE_HOME": "/caches"})) == "/caches/gradiometer/references"
    assert str(folder({})).endswith(".cache/gradiometer/references")


def test_a_key_is_of_everything_that_a_value_depends_on():
    x, y = torch.ones(3), torch.ones(3)
    y[0] += 2.0**-23
    double = trace(lambda x: 2 * x, [x])
    graphs = [double, trace(lambda x: 3 * x, [x]), *(trace(partial(torch.mul, c), [x]) for c in (x, y))]
    keys = [content_key(graph, [x], "a") for graph in graphs]
    keys += [content_key(double, [y], "a"), content_key(double, [x.double()], "a"), content_key(double, [x], "b")]
    assert len(set(keys)) == len(keys)
    assert content_key(trace(lambda x: 2 * x, [y]), [x.clone()], "a") == keys[0]
