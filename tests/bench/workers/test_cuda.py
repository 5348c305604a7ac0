import pytest
import torch

from gradiometer.cost import memory
from gradiometer.methods import METHODS, Objective
from gradiometer.storage.validate import read_description
from gradiometer.timing.clocks import DeviceClock, clocks_for
from gradiometer.workers.failures import failure_of

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


def test_the_device_clock_leaves_out_the_gaps_between_launches():
    small = torch.ones(8, 8, device="cuda")

    def launches():
        result = small
        for _ in range(20):
            result = result + small
        return result

    wall, device = clocks_for("cuda")
    assert isinstance(device, DeviceClock)
    wall.block(launches, 20)
    wall_s, _ = wall.block(launches, 20)
    device.expected_s = wall_s * 20
    device_s, result = device.block(launches, 20)
    assert 0 < device_s < wall_s  # tiny kernels are launch-bound
    assert float(result[0, 0]) == 21.0


def test_a_cold_call_reads_memory_that_a_hot_one_finds_in_the_cache():
    buffer = torch.ones(2**22, device="cuda")  # 16 MiB: fits into the L2 of every data centre's GPU since Ampere
    hot, cold = clocks_for("cuda")[1], clocks_for("cuda", "cold")[1]
    for clock in (hot, cold):
        clock.block(buffer.sum, 8)
    assert cold.block(buffer.sum, 8)[0] > hot.block(buffer.sum, 8)[0]


def test_a_replayed_graph_gives_autograds_bits_in_less_time():
    def chain(x):
        for _ in range(20):
            x = torch.tanh(x)
        return x.sum()

    asked = Objective(chain, (torch.linspace(-1, 1, 64, device="cuda"),))
    grad, graph = (METHODS[name].prepare(asked)() for name in ("autograd", "cuda_graph"))
    assert torch.equal(grad()[0], graph()[0])
    wall, _ = clocks_for("cuda")
    assert wall.block(graph, 50)[0] < wall.block(grad, 50)[0]  # one launch in place of 60


def test_a_loss_that_synchronises_cannot_be_captured_and_says_so():
    asked = Objective(lambda x: x.sum() * float(x[0]), (torch.ones(4, device="cuda"),))
    with pytest.raises(Exception) as caught:
        METHODS["cuda_graph"].prepare(asked)
    assert failure_of(caught.value)[0] == "unsupported"


def test_the_peak_of_a_call_is_its_result_and_what_it_holds_meanwhile():
    x = torch.ones(2**20, device="cuda")  # 4 MiB

    def call():
        return (x + 1) * 2

    call()
    assert memory.peak_of(call, 0) == 2 * 2**22


def test_a_study_on_cuda_has_both_clocks_peaks_and_sound_gradients(study):
    done = study(
        'processes = 2\nbudget_s = 0.6\nseeds = 1\n[[grid]]\nwrt = ["first"]\nsizes = [32]\ndevices = ["cuda"]\n'
        'dtypes = ["float32", "bfloat16"]\nmethods = ["textbook", "factored", "autograd", "jacrev", "cuda_graph"]\n'
    )
    cells, errors = done.table("cells"), done.table("errors")
    assert set(cells["status"]) == {"ok"}, done.text
    assert (cells["device_time_s"] > 0).all()
    assert (cells["device_time_s"] < 1.5 * cells["time_s"]).all()
    peaks = cells.set_index("method")["peak_memory_bytes"]
    assert peaks["cuda_graph"].isna().all()
    assert (peaks.drop("cuda_graph") > 0).all()
    segments = done.table("segments")
    unread = segments["unread"].fillna("")
    for name in ("frequency_mhz", "temperature_c", "throttling", "power_w", "foreign_processes"):
        assert (segments[name].notna() | unread.str.contains(name)).all(), unread.iloc[0]
    float32 = errors[errors["cell_id"].str.contains("float32") & (errors["data"] == "uniform")]
    assert (float32["rel_fro"] < 1e-5).all()


def test_tf32_is_another_computation_than_ieee(study):
    done = study(
        'processes = 2\nbudget_s = 0.6\nseeds = 1\n[[grid]]\nwrt = ["first"]\nsizes = [512]\ndevices = ["cuda"]\n'
        'problems = ["linear_autoencoder_batch"]\nnumerics = ["ieee", "tf32"]\nmethods = ["factored", "autograd"]\n'
        'data = ["uniform"]\n'
    )
    errors = done.table("errors").set_index("cell_id")["rel_fro"]
    tf32 = errors[errors.index.str.contains("tf32")]
    ieee = errors[errors.index.str.contains("ieee")]
    assert tf32.min() > 10 * ieee.max()
    recorded = read_description(done.folder)["numerics_in_force"]
    in_force = {name: switches["cuda_matmul_fp32_precision"] for name, switches in recorded.items()}
    assert in_force == {"cuda, ieee": "ieee", "cuda, tf32": "tf32"}
