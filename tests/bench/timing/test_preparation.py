import pytest

from gradiometer.timing import preparation


@pytest.fixture
def now(monkeypatch):
    """The time in seconds, in a list."""
    time = [0.0]
    monkeypatch.setattr(preparation, "perf_counter", lambda: time[0])
    return time


def preparing(now, *times):
    """A preparation that takes these seconds in turn, and the last of them from then on."""
    calls = []

    def prepare():
        now[0] += times[min(len(calls), len(times) - 1)]
        calls.append(None)
        return len(calls)

    return prepare


def test_a_quick_preparation_is_timed_several_times_without_the_first(now):
    last, setup_s = preparation.timed_preparation(preparing(now, 10e-3, 1e-3, 9e-3, 1e-3))
    assert last >= 4
    assert setup_s == pytest.approx(1e-3)


def test_a_slow_preparation_runs_once(now):
    assert preparation.timed_preparation(preparing(now, 0.5)) == (1, 0.5)


def test_a_preparation_lasts_until_the_device_is_idle(now):
    pending = [0.0]
    prepare = preparing(now, 1e-3)

    def launch():
        pending[0] = 4e-3
        return prepare()

    def synchronize():
        now[0] += pending[0]
        pending[0] = 0.0

    assert preparation.timed_preparation(launch, synchronize)[1] == pytest.approx(5e-3)
