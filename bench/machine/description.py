"""What this machine is: enough to explain a result, and nothing that names it (no host name, no path).

What cannot be read is null, with the reason under the same key in `unread`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    "torch", "numpy", "scipy", "pandas", "pyarrow", "pytest", "pytest-benchmark", "seaborn", "matplotlib", "pydantic",
    "psutil", "threadpoolctl", "nvidia-ml-py",
)  # fmt: skip
TELLING_FLAGS = (
    "avx", "avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_fp16",
    "amx_tile", "asimd", "sve", "sve2", "bf16", "fphp", "asimdhp",
)  # fmt: skip
"""CPU flags that decide how products are computed; a model's name may say nothing."""
VARIABLES = (
    "OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES", "OMP_WAIT_POLICY", "KMP_AFFINITY", "KMP_BLOCKTIME",
    "MKL_NUM_THREADS", "MKL_CBWR", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE", "ATEN_CPU_CAPABILITY", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE",
    "CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_CUDA_ALLOC_CONF", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip


def _read(path: str) -> str:
    return Path(path).read_text().strip()


def _cpuinfo() -> dict[str, str]:
    pairs = (line.partition(":") for line in _read("/proc/cpuinfo").split("\n\n", 1)[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _flags() -> list[str]:
    info = _cpuinfo()
    present = set((info.get("flags") or info["Features"]).split())
    return [flag for flag in TELLING_FLAGS if flag in present]


def _caches() -> dict[str, str]:
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = _read(f"{index}/type").lower()[:1].replace("u", "")
        found[f"l{_read(f'{index}/level')}{kind}"] = _read(f"{index}/size")
    if not found:
        raise FileNotFoundError("no cache descriptions")
    return found


def last_level_cache_bytes() -> int | None:
    """The largest cache that the first processor has or shares; None where the machine does not tell."""
    try:
        sizes = [int(size.removesuffix("K")) * 1024 for size in _caches().values()]
    except (OSError, ValueError):
        return None
    return max(sizes)


def _cpu_quota() -> float | None:
    """Processors that the control group may use; null where it sets no quota."""
    quota, period = _read("/sys/fs/cgroup/cpu.max").split()
    return None if quota == "max" else int(quota) / int(period)


def _commit() -> dict[str, Any]:
    here = Path(__file__).parents[1]
    git = ["git", "-C", str(here)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True).stdout
    return {"commit": commit, "dirty": bool(changed.strip())}


def _gpus() -> list[dict[str, Any]]:
    import pynvml

    pynvml.nvmlInit()
    try:
        return [_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> dict[str, Any]:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(question: str, *arguments: Any) -> Any:
        try:
            answer = getattr(nvml, question)(handle, *arguments)
        except nvml.NVMLError:
            return None
        return answer.decode() if isinstance(answer, bytes) else answer

    memory = ask("nvmlDeviceGetMemoryInfo")
    return {
        "name": ask("nvmlDeviceGetName"),
        "uuid_hash": hashlib.sha256(str(ask("nvmlDeviceGetUUID")).encode()).hexdigest()[:12],
        "compute_capability": ask("nvmlDeviceGetCudaComputeCapability"),
        "memory_bytes": getattr(memory, "total", None),
        "ecc": ask("nvmlDeviceGetEccMode"),
        "mig": ask("nvmlDeviceGetMigMode"),
        "power_limit_mw": ask("nvmlDeviceGetPowerManagementLimit"),
        "sm_clock_mhz": ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
        "most_sm_clock_mhz": ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
        "throttle_reasons": ask("nvmlDeviceGetCurrentClocksThrottleReasons"),
        "driver": nvml.nvmlSystemGetDriverVersion(),
    }


def numerics() -> dict[str, Any]:
    """Switches of torch without which a result cannot be explained."""
    import torch

    cuda = torch.backends.cuda.matmul
    mkldnn: Any = torch.backends.mkldnn
    return {
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cuda_matmul_fp32_precision": cuda.fp32_precision,
        "mkldnn_matmul_fp32_precision": mkldnn.matmul.fp32_precision,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "mkldnn": mkldnn.is_available() and mkldnn.enabled,
        "mkl": torch.backends.mkl.is_available(),
        "cuda_fp16_reduced_precision_reduction": cuda.allow_fp16_reduced_precision_reduction,
        "cuda_bf16_reduced_precision_reduction": cuda.allow_bf16_reduced_precision_reduction,
        "cuda_fp16_accumulation": getattr(cuda, "allow_fp16_accumulation", None),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _torch_build() -> dict[str, Any]:
    import torch

    return {
        "config": [re.sub(r"\S*/\S*", "…", line) for line in torch.__config__.show().splitlines()],  # no paths
        "parallel": torch.__config__.parallel_info().splitlines(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.cuda.is_available() else None,
    }


def _thread_pools() -> list[dict[str, Any]]:
    import threadpoolctl

    return [
        {key: value for key, value in pool.items() if key != "filepath"} for pool in threadpoolctl.threadpool_info()
    ]


FACTS: dict[str, Callable[[], Any]] = {
    "cpu": lambda: _cpuinfo().get("model name") or platform.processor() or platform.machine(),
    "architecture": platform.machine,
    "cpu_flags": _flags,
    "cpu_caches": _caches,
    "cores": lambda: psutil.cpu_count(logical=False),
    "logical_cores": lambda: psutil.cpu_count(logical=True),
    "usable_cores": lambda: len(os.sched_getaffinity(0)),
    "cpu_quota": _cpu_quota,
    "governor": lambda: _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    "memory_bytes": lambda: psutil.virtual_memory().total,
    "kernel": platform.release,
    "system": platform.system,
    "libc": lambda: " ".join(platform.libc_ver()),
    "load_1min": lambda: os.getloadavg()[0],
    "gpus": _gpus,
    "numerics": numerics,
    "torch_build": _torch_build,
    "thread_pools": _thread_pools,
    "environment": lambda: {name: os.environ[name] for name in VARIABLES if name in os.environ},
    "source": _commit,
}


def describe() -> dict[str, Any]:
    """Every fact by name; a fact that cannot be read is null and named, with the reason, in `unread`."""
    found: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for name, fact in FACTS.items():
        try:
            found[name] = fact()
        except Exception as error:
            found[name] = None
            cause = getattr(error, "strerror", None)  # not the whole message: it may hold a path
            unread[name] = f"{type(error).__name__}: {cause}" if cause else type(error).__name__
    return found | {"unread": unread}


def versions() -> dict[str, str | None]:
    """Python's and every package's version that a result may depend on."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def free_memory_bytes() -> dict[str, int]:
    """Device → free memory; `cuda` only where there is one."""
    import torch

    found = {"cpu": psutil.virtual_memory().available}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.mem_get_info()[0]
    return found


def interference_sources() -> list[str]:
    """What disturbs timing on this machine now, each with advice."""
    found = []
    cores = psutil.cpu_count(logical=True) or 1
    load = os.getloadavg()[0]
    if load > 0.5:
        found.append(f"load average {load:.1f} on {cores} processors; stop other work")
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if governor.is_file() and _read(str(governor)) != "performance":
        found.append(f"frequency governor {_read(str(governor))!r}; set it to performance")
    battery = psutil.sensors_battery()
    if battery is not None and not battery.power_plugged:
        found.append("running on battery; plug the machine in")
    if "hypervisor" in (_cpuinfo().get("flags") or ""):
        found.append("a virtual machine: its host may take time away (column steal_s says how much)")
    return found
