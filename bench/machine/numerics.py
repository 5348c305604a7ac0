"""How float32 matrices are multiplied on CUDA devices: the switch of a case's `numerics`."""

from __future__ import annotations

import os

import torch

DEFAULT = "ieee"
PRECISION = {"ieee": "highest", "tf32": "high"}
TF32_SINCE = (8, 0)
"""Compute capability of the first devices that have tf32; on others the switch is silently without effect."""


def switch(numerics: str) -> None:
    """Put `ieee` or `tf32` in force in this process. Raises NotImplementedError where it would not be.

    torch has an older door, this one, and a newer, `torch.backends.….fp32_precision`. The older one sets both; after
    the newer one alone, whatever asks the older raises ("mix of the legacy and new APIs"). So it is set by the older
    and read back by the newer.
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
