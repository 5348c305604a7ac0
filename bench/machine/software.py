"""Versions, builds and environment variables on which a result may depend."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch", "numpy", "scipy", "pandas", "pyarrow", "pytest", "pytest-benchmark", "seaborn", "matplotlib", "pydantic",
    "psutil", "threadpoolctl", "nvidia-ml-py",
)  # fmt: skip
VARIABLES = (
    "OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES", "OMP_WAIT_POLICY", "KMP_AFFINITY", "KMP_BLOCKTIME",
    "MKL_NUM_THREADS", "MKL_CBWR", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE", "ATEN_CPU_CAPABILITY", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE",
    "CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_CUDA_ALLOC_CONF", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip


def versions() -> dict[str, str | None]:
    """Version of Python and of every package on which a result may depend; None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def environment() -> dict[str, str]:
    """The variables among VARIABLES that are set."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def torch_build() -> dict[str, Any]:
    """torch's configuration without paths, its parallel backends, and its CUDA and cuDNN versions."""
    import torch

    return {
        "config": [re.sub(r"\S*/\S*", "…", line) for line in torch.__config__.show().splitlines()],
        "parallel": torch.__config__.parallel_info().splitlines(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.cuda.is_available() else None,
    }


def thread_pools() -> list[dict[str, Any]]:
    """Thread pools of the loaded numerical libraries, without paths."""
    import threadpoolctl

    return [
        {key: value for key, value in pool.items() if key != "filepath"} for pool in threadpoolctl.threadpool_info()
    ]


def source(folder: Path = Path(__file__).parents[1]) -> dict[str, Any]:
    """Commit of the package, and whether its files differ from it (`dirty`).

    Raises LookupError for a package that git does not track: a repository that merely surrounds an installation, such
    as the one around a virtual environment, is another project's.
    """
    if not _git(folder, "ls-files", "--", "machine"):
        raise LookupError("the package is not in a git repository of its own")
    changed = _git(folder, "status", "--porcelain", "-uno", "--", ".")
    return {"commit": _git(folder, "rev-parse", "HEAD"), "dirty": bool(changed)}


def _git(folder: Path, *arguments: str) -> str:
    """Output of a git command in a folder. Variables such as GIT_DIR, which name another repository, are not passed."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *arguments], cwd=folder, env=own, capture_output=True, text=True, check=True)
    return done.stdout.strip()
