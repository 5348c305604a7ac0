"""Processor, caches and GPUs, as the system and the driver describe them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

CPU_FLAGS = (
    "avx", "avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_fp16",
    "amx_tile", "asimd", "sve", "sve2", "bf16", "fphp", "asimdhp",
)  # fmt: skip
"""Flags that decide which kernels a matrix product uses. A processor's model name may not tell them."""
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def cpuinfo() -> dict[str, str]:
    """The first processor's entries in /proc/cpuinfo."""
    first = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def cpu_flags() -> list[str]:
    """The processor's flags among CPU_FLAGS."""
    info = cpuinfo()
    present = set((info.get("flags") or info["Features"]).split())
    return [flag for flag in CPU_FLAGS if flag in present]


def governor() -> str:
    """How the system chooses the first processor's frequency."""
    return GOVERNOR.read_text().strip()


def is_virtual() -> bool:
    """Whether the processor is that of a virtual machine."""
    try:
        return "hypervisor" in cpuinfo().get("flags", "").split()
    except OSError:
        return False


def caches() -> dict[str, str]:
    """Cache of the first processor → its size, such as `{"l1d": "32K", "l2": "1024K"}`."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
        found[f"l{level}{kind.lower()[:1].replace('u', '')}"] = size
    if not found:
        raise FileNotFoundError("no cache descriptions")
    return found


def last_level_cache_bytes() -> int | None:
    """Size of the first processor's largest cache, shared or not; None where the machine does not report it."""
    try:
        return max(int(size.removesuffix("K")) * 1024 for size in caches().values())
    except (OSError, ValueError):
        return None


def gpus() -> list[dict[str, Any]]:
    """Every GPU that NVML knows."""
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
