"""Numeric switches of torch: the precision of float32 products on CUDA devices, set for each case, and all others."""

from __future__ import annotations

import os
from typing import Any

import torch

DEFAULT = "ieee"
PRECISION = {"ieee": "highest", "tf32": "high"}
TF32_SINCE = (8, 0)
"""Compute capability of the first devices with tf32. On older devices torch ignores the switch silently."""


def switch(numerics: str) -> None:
    """Set float32 products to `ieee` or `tf32` in this process. Raises NotImplementedError where that has no effect.

    torch has a legacy interface, used here, and a new one, `torch.backends.….fp32_precision`. The legacy one sets
    both. After the new one is set alone, the legacy getter raises ("mix of the legacy and new APIs"). So the legacy
    interface sets the precision and the new one reads it back.
    """
    torch.set_float32_matmul_precision(PRECISION[numerics])
    found = torch.backends.cuda.matmul.fp32_precision
    if (found == "tf32") != (numerics == "tf32"):
        raise NotImplementedError(f"expected {numerics} products, torch {torch.__version__} has {found!r} in force")
    if numerics != "tf32":
        return
    if os.environ.get("NVIDIA_TF32_OVERRIDE") == "0":
        raise NotImplementedError("expected tf32 products, NVIDIA_TF32_OVERRIDE=0 forbids them; unset it")
    if torch.cuda.is_available() and torch.cuda.get_device_capability() < TF32_SINCE:
        major, minor = torch.cuda.get_device_capability()
        raise NotImplementedError(f"tf32 needs compute capability 8.0, this device has {major}.{minor}")


def switches() -> dict[str, Any]:
    """Numeric switches in force in this process, without which a result cannot be explained."""
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
