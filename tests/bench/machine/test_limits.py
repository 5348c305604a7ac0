"""Limits of control groups, in pretended file systems."""

from types import SimpleNamespace

import pytest

from gradiometer.machine import limits

HOST = 64 * 2**30
GIB = 2**30


@pytest.fixture(autouse=True)
def large_host(monkeypatch):
    told = SimpleNamespace(total=HOST, available=HOST // 2)
    monkeypatch.setattr(limits, "psutil", SimpleNamespace(virtual_memory=lambda: told))


@pytest.fixture
def system(tmp_path):
    """system(text of /proc/self/cgroup, {path under /sys/fs/cgroup: text})."""

    def made(groups, files):
        for path, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{p}": t for p, t in files.items()}}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(f"{text}\n")
        return tmp_path

    return made


def v2(limit, used, cached=0):
    return {"memory.max": limit, "memory.current": used, "memory.stat": f"anon 1\ninactive_file {cached}"}


def v1(limit, used):
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
    return dict(zip(names, (limit, used, "total_inactive_file 0"), strict=True))


def under(folder, files):
    return {f"{folder}/{name}": text for name, text in files.items()}


def test_without_control_groups_the_host_counts(tmp_path):
    assert limits.total_memory_bytes(tmp_path) == HOST
    assert limits.available_memory_bytes(tmp_path) == HOST // 2
    assert limits.cpu_quota(tmp_path) is None


def test_version_2_counts_the_smallest_limit_on_the_way_to_the_root(system):
    files = under("outer", v2(4 * GIB, 3 * GIB, cached=GIB)) | under("outer/inner", v2("max", GIB))
    root = system("0::/outer/inner", files | {"outer/cpu.max": "150000 100000", "outer/inner/cpu.max": "max 100000"})
    assert limits.total_memory_bytes(root) == 4 * GIB
    assert limits.available_memory_bytes(root) == 2 * GIB
    assert limits.cpu_quota(root) == 1.5


def test_version_1_has_a_mount_for_each_controller(system):
    files = under("memory/job", v1(2 * GIB, GIB)) | under("memory", v1(2**63 - 4096, 9 * GIB))
    files |= {"cpu,cpuacct/job/cpu.cfs_quota_us": "50000", "cpu,cpuacct/job/cpu.cfs_period_us": "100000"}
    root = system("4:memory:/job\n3:cpu,cpuacct:/job\n0::/", files)
    assert (limits.total_memory_bytes(root), limits.available_memory_bytes(root)) == (2 * GIB, GIB)
    assert limits.cpu_quota(root) == 0.5


@pytest.mark.parametrize("files", [v2(GIB, GIB // 4), under("memory", v1(GIB, GIB // 4))])
def test_a_container_that_sees_the_hosts_path_reads_its_own_mount(system, files):
    root = system("4:memory:/docker/abc\n0::/docker/abc", files)
    assert limits.available_memory_bytes(root) == 3 * GIB // 4


def test_no_quota_in_either_version(system):
    root = system("1:cpu:/\n0::/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"})
    assert limits.cpu_quota(root) is None
